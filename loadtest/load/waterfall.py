"""The hops of a run: a table for the terminal; a table and two waterfalls for the page."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from rich.box import SIMPLE
from rich.table import Table

from loadtest.load.figures import Figures
from loadtest.load.hops import HOPS, SHOWN, WHOLE, Bar, Hop, Waterfall, over_budget
from loadtest.load.spread import Spread

_CELLS: Final = 11  # of the terminal's bars
_LEFT, _RIGHT, _WIDTH, _ROW, _TOP = 150, 50, 560, 20, 22  # of the drawing
_WAITED, _BESIDE = "#1b6ca8", "#b9c4c9"
_HEADS: Final = ("hop", "p50 ms", "p95 ms", "p99 ms", "may take")
_NOTE: Final = (
    "Times by the log. 0: the end of the silence that was asked for; what is in grey is not waited "
    "for. Writers' clocks tell whole milliseconds, so a hop is true to about 1 ms."
)


def table(run: Figures) -> Table:
    """Each hop, what it may take, and where it stands in the turn at p50 and at p99."""
    title = f"where a turn's wait goes, ms: {run.system}, {run.calls} calls"
    shown = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    shown.add_column("hop", no_wrap=True)
    shown.add_column("p50 / p95 / p99", justify="right", no_wrap=True)
    shown.add_column("may take", justify="right", no_wrap=True)
    for name in SHOWN:
        head = f"{name}: {run.waterfalls[name].wait_ms:.0f}"
        shown.add_column(head, no_wrap=True, min_width=_CELLS)
    over = over_budget(run.hops_ms)
    for hop in HOPS:
        if (ms := run.hops_ms.get(hop.name)) is not None:
            bars = [_cells(hop.name, run.waterfalls[name]) for name in SHOWN]
            colour = "red" if hop.name in over else "" if hop.waited_for else "dim"
            shown.add_row(hop.name, " / ".join(_figures(ms)), _budget(hop), *bars, style=colour)
    shown.add_row(WHOLE, " / ".join(_figures(run.hops_ms[WHOLE])), "", "", "", style="bold")
    return shown


def drawn(runs: Sequence[Figures]) -> Iterator[str]:
    """For the page: nothing where no log was read."""
    known = [run for run in runs if run.waterfalls]
    if not known:
        return
    yield f"<h2>Where a turn's wait goes</h2><p>{escape(_NOTE)}</p>"
    for run in known:
        yield f"<h3>{escape(run.system)}, {run.calls} calls</h3>"
        yield from _html_table(run)
        yield '<div class="plots">'
        for name in SHOWN:
            fall = run.waterfalls[name]
            caption = f"the turn at {name}: {fall.wait_ms:.1f} ms"
            yield f"<figure><figcaption>{caption}</figcaption>{svg(fall)}</figure>"
        yield "</div>"


def svg(fall: Waterfall) -> str:
    """A bar for each hop; 0 is the end of the silence that was asked for."""
    shown = [bar for bar in fall.bars if not _in_the_silence(bar)]
    first = min(0.0, *(min(bar.from_ms, bar.from_ms + bar.ms) for bar in shown))
    last = max(1.0, *(bar.from_ms + bar.ms for bar in shown))
    scale = (_WIDTH - _LEFT - _RIGHT) / (last - first)
    height = _TOP + _ROW * len(fall.bars) + 6
    zero = round(_LEFT - first * scale, 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="system-ui, sans-serif" font-size="12" fill="#333">',
        f'<line x1="{zero}" y1="4" x2="{zero}" y2="{height}" stroke="#999"/>',
    ]
    for row, bar in enumerate(fall.bars):
        y = _TOP + row * _ROW
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{bar.hop}</text>')
        if _in_the_silence(bar):
            said = f"{bar.ms:.1f}, while it was silent"
            parts.append(f'<text x="{zero + 6}" y="{y + 4}" fill="#888">{said}</text>')
        else:
            parts += _bar(bar, y, zero, scale)
    return "\n".join([*parts, "</svg>"])


def _bar(bar: Bar, y: int, zero: float, scale: float) -> Iterator[str]:
    colour = _WAITED if _waited_for(bar) else _BESIDE
    width = max(abs(bar.ms) * scale, 1.5)
    x = zero + min(bar.from_ms, bar.from_ms + bar.ms) * scale
    yield f'<rect x="{x:.1f}" y="{y - 7}" width="{width:.1f}" height="13" fill="{colour}"/>'
    yield f'<text x="{x + width + 4:.1f}" y="{y + 4}">{bar.ms:.1f}</text>'


def _in_the_silence(bar: Bar) -> bool:
    return bar.from_ms < 0 and not _waited_for(bar)


def _html_table(run: Figures) -> Iterator[str]:
    over = over_budget(run.hops_ms)
    yield (
        '<table class="hops"><tr>' + "".join(f"<th>{head}</th>" for head in (*_HEADS, "")) + "</tr>"
    )
    for hop in HOPS:
        if (ms := run.hops_ms.get(hop.name)) is not None:
            kind = ' class="void"' if hop.name in over else ""
            cells = (hop.name, *_figures(ms), _budget(hop), hop.about)
            shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            yield f"<tr{kind}>{shown}</tr>"
    cells = (WHOLE, *_figures(run.hops_ms[WHOLE]), "", "end of the silence to the first sound sent")
    yield "<tr>" + "".join(f"<th>{cell}</th>" for cell in cells) + "</tr></table>"


def _figures(ms: Spread) -> tuple[str, str, str]:
    p50, p95, p99 = (f"{v:.1f}" if v < 100 else f"{v:.0f}" for v in (ms.p50, ms.p95, ms.p99))
    return p50, p95, p99


def _budget(hop: Hop) -> str:
    return f"{hop.p50_ms:g} / {hop.p99_ms:g}"


def _waited_for(bar: Bar) -> bool:
    return next(hop.waited_for for hop in HOPS if hop.name == bar.hop)


def _cells(name: str, fall: Waterfall) -> str:
    """The hop's place in the wait, in characters; empty: it is not waited for."""
    bar = next((bar for bar in fall.bars if bar.hop == name and _waited_for(bar)), None)
    if bar is None:
        return ""
    share = _CELLS / max(fall.wait_ms, 1e-3)
    edges = [round(ms * share) for ms in (bar.from_ms, bar.from_ms + bar.ms)]
    began, ended = (min(max(edge, 0), _CELLS) for edge in sorted(edges))
    return " " * began + ("█" * (ended - began) or "▏")
