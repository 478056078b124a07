"""A recorded call as tables for the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from projections.calls.read import Call
from projections.tool_runs.read import ToolRun
from projections.turns.read import Turn

STAGES: Final = (
    ("hearing", "stt_ms", "cyan"),
    ("dialog", "dialog_ms", "blue"),
    ("lookup", "passages_ms", "green"),
    ("model", "model_ms", "yellow"),
    ("voice", "tts_ms", "magenta"),
    ("line", "gateway_ms", "red"),
)
_BAR: Final = 20  # characters for the slowest turn


def call_row(call: Call) -> Table:
    """One call, a field a line."""
    table = Table(
        title="The call's row in Postgres", show_header=False, title_justify="left", box=SIMPLE
    )
    table.add_column(style="dim")
    table.add_column()
    for name in call.__struct_fields__:
        value = getattr(call, name)
        if value is not None:
            table.add_row(name, _text(value))
    return table


def turn_rows(turns: Sequence[Turn]) -> Table:
    """What was said and heard, a turn a row."""
    table = Table(title="Its turns", title_justify="left", box=SIMPLE)
    table.add_column("turn", justify="right")
    table.add_column("caller said", ratio=3)
    table.add_column("the caller heard", ratio=4)
    table.add_column("wait ms", justify="right")
    for turn in turns:
        table.add_row(str(turn.turn), _said(turn), _heard(turn), _ms(turn.wait_ms))
    return table


def _said(turn: Turn) -> str:
    if turn.said is None:
        return "[dim]greeting[/dim]" if turn.turn == 0 else "[dim]not understood[/dim]"
    found = f"intent {turn.intent}" + (f", from {turn.sources[0]}" if turn.sources else "")
    return f"{escape(turn.said)}\n[dim]{found}[/dim]"


def _heard(turn: Turn) -> str:
    cut = " [red]✂ interrupted[/red]" if turn.interrupted else ""
    return escape(turn.heard or "") + cut


def tool_rows(runs: Sequence[ToolRun]) -> Table:
    """What was done for the caller."""
    table = Table(title="Tools run", title_justify="left", box=SIMPLE)
    for name in ("invocation", "tool", "arguments", "runs", "result", "took ms"):
        table.add_column(name, justify="right" if name in ("runs", "took ms") else "left")
    for run in runs:
        arguments = ", ".join(f"{k}: {escape(str(v))}" for k, v in (run.arguments or {}).items())
        result = "ok" if run.ok else "failed" if run.ok is False else "?"
        cells = (run.invocation, run.tool, arguments, str(run.runs), result, _ms(run.took_ms))
        table.add_row(*cells)
    return table


def waterfall(turns: Sequence[Turn]) -> Table:
    """Where each turn's wait went: end of speech to the first audio of the reply."""
    timed = [turn for turn in turns if turn.wait_ms is not None and turn.turn > 0]
    longest = max((turn.wait_ms or 0.0 for turn in timed), default=1.0) or 1.0
    title = "Where the wait went, ms: end of speech to first audio (hearing holds the silence)"
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1))
    table.add_column("turn", justify="right")
    table.add_column("", no_wrap=True, min_width=_BAR)
    for name, _, colour in STAGES:
        table.add_column(f"[{colour}]{name}[/{colour}]", justify="right")
    table.add_column("wait", justify="right", style="bold")
    for turn in timed:
        figures = [_ms(getattr(turn, field)) for _, field, _ in STAGES]
        table.add_row(str(turn.turn), _bar(turn, longest), *figures, _ms(turn.wait_ms))
    return table


def _bar(turn: Turn, longest: float) -> str:
    parts = []
    for _, field, colour in STAGES:
        width = round(max(getattr(turn, field) or 0.0, 0.0) / longest * _BAR)
        if width:
            parts.append(f"[{colour}]{'█' * width}[/{colour}]")
    return "".join(parts)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f %z")
    return str(value)
