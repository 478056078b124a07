"""What came of the demo's call, and whether it is what must come of it. Pure but for reading."""

import re
from collections.abc import Sequence

import msgspec

from contracts.ids import CallId, TenantId
from contracts.line import SpeechStarted
from contracts.recorded import Recorded
from infra.postgres import Pool
from projections.calls import read as calls
from projections.timeline import read as timeline
from projections.tool_runs import read as tool_runs
from projections.tool_runs.read import ToolRun
from projections.turns import read as turns
from projections.turns.read import Turn
from services.call.replay import Mismatch
from services.cli.demo_script import BOOKING, SCRIPT, Line
from services.cli.recorded import numbered


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One caller turn of the report."""

    said: str  # the words recorded
    understood: str  # the words recognised
    intent: str
    reply: str  # as written
    heard: str  # as far as the caller heard it
    sources: tuple[str, ...]  # '<document>#<chunk>', best first
    wait_ms: float | None  # last speech frame sent to first agent audio received
    interrupted: bool


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the log to a row."""

    p50: float
    p99: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The demo as JSON."""

    ok: bool
    call: str
    first_audio_s: float  # from the start of the program to the agent's first audio, its greeting
    first_answer_s: float  # from the start of the program to the first audio that answers a turn
    turns: tuple[Spoken, ...]
    tool_runs: int
    events: int
    event_to_row_ms: Latency
    problems: tuple[str, ...] = ()


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What the tables hold of the call."""

    turns: tuple[Turn, ...]
    tools: tuple[ToolRun, ...]
    events: int
    latency: Latency
    turns_counted: int


async def read_rows(pool: Pool, tenant: TenantId, call: CallId) -> Rows:
    """The call's rows, once the projections have caught up."""
    row = await calls.show(pool, tenant, call)
    measured = await timeline.event_to_row(pool, tenant, call)
    latency = Latency(p50=measured.p50, p99=measured.p99) if measured else Latency(p50=0, p99=0)
    return Rows(
        turns=await turns.of_call(pool, tenant, call),
        tools=await tool_runs.of_call(pool, tenant, call),
        events=len(await timeline.of_call(pool, tenant, call)),
        latency=latency,
        turns_counted=row.turns if row else 0,
    )


def report(
    call: CallId,
    rows: Rows,
    recorded: list[Recorded],
    waits_ms: Sequence[float | None],
    first_audio_s: float,
    first_answer_s: float,
    wrong: Sequence[Mismatch],
    booked: int,
    *,
    word_for_word: bool = True,
) -> Report:
    """Everything the demo shows, with what is not as it must be.

    `word_for_word`: the providers are known to hear and to answer so; vendors word it their way.
    """
    spoken = [turn for turn in rows.turns if turn.turn > 0]
    problems = [
        *_turn_problems(spoken, word_for_word),
        *_tool_problems(rows.tools, booked),
        *_log_problems(rows, recorded, wrong),
    ]
    return Report(
        ok=not problems,
        call=call,
        first_audio_s=round(first_audio_s, 3),
        first_answer_s=round(first_answer_s, 3),
        turns=tuple(_spoken(*each) for each in zip(SCRIPT, spoken, waits_ms, strict=False)),
        tool_runs=sum(run.runs for run in rows.tools),
        events=len(numbered(recorded)),
        event_to_row_ms=rows.latency,
        problems=tuple(problems),
    )


def _spoken(line: Line, turn: Turn, wait_ms: float | None) -> Spoken:
    return Spoken(
        said=line.said,
        understood=turn.said or "",
        intent=turn.intent or "",
        reply=turn.written or "",
        heard=turn.heard or "",
        sources=turn.sources,
        wait_ms=None if wait_ms is None else round(wait_ms, 1),
        interrupted=turn.interrupted,
    )


def _turn_problems(spoken: Sequence[Turn], word_for_word: bool) -> list[str]:
    problems = []
    if len(spoken) != len(SCRIPT):
        problems.append(f"{len(SCRIPT)} turns were spoken, {len(spoken)} were understood")
    cut = {place - 1 for place, line in enumerate(SCRIPT) if line.after_ms is not None}
    for place, (line, turn) in enumerate(zip(SCRIPT, spoken, strict=False)):
        found = {
            "got no reply": bool(turn.written),
            "was not cut by the barge-in": place not in cut or _was_cut(turn),
            "was interrupted": place in cut or not turn.interrupted,
        }
        if word_for_word:
            found |= _word_for_word(line, turn)
        problems += [f"turn {turn.turn} {what}" for what, good in found.items() if not good]
    return problems


def _word_for_word(line: Line, turn: Turn) -> dict[str, bool]:
    return {
        "was misunderstood": _words(turn.said or "") == _words(line.said),
        "has another intent": turn.intent == line.intent,
        "has another reply": line.reply in (turn.written or ""),
        "has another source": not line.source
        or any(source.startswith(f"{line.source}#") for source in turn.sources[:1]),
    }


def _words(said: str) -> list[str]:
    """Whatever capitals and stops a recogniser writes."""
    return re.findall(r"[\w']+", said.lower())


def _was_cut(turn: Turn) -> bool:
    heard, written = turn.heard or "", turn.written or ""
    return turn.interrupted and 0 < len(heard) < len(written) and written.startswith(heard)


def _tool_problems(runs: Sequence[ToolRun], booked: int) -> list[str]:
    done = [run for run in runs if run.tool == BOOKING]
    if len(done) == 1 and done[0].runs == 1 and done[0].ok and booked == 1:
        return []
    return [f"the booking ran {sum(run.runs for run in done)} times, the diary got {booked}"]


def _log_problems(rows: Rows, recorded: list[Recorded], wrong: Sequence[Mismatch]) -> list[str]:
    problems = [f"decision {each.sequence}: {each.wrong} does not add up" for each in wrong]
    events = numbered(recorded)
    if rows.events != len(events):
        problems.append(f"the log holds {len(events)} events, the timeline {rows.events}")
    if rows.turns_counted != len(SCRIPT):
        problems.append(f"the call's row counts {rows.turns_counted} turns")
    if not any(isinstance(e, SpeechStarted) and e.over_reply for _, _, e in events):
        problems.append("the caller's voice did not stop the agent's")
    return problems
