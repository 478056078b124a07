"""The report as a page: the table, and how each figure went over time."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from loadtest.load.figures import Figures, Point
from loadtest.load.report import ROWS, Report
from loadtest.load.waterfall import drawn

_WIDTH, _HEIGHT = 560, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 540, 14, 160  # of the field
_COLOURS: Final = ("#1b6ca8", "#d1495b", "#2e8b57", "#8a5fbf", "#b8860b", "#5f6b6d")
_STEPS: Final = (1, 2, 5, 10)
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2rem auto;
       padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { border-bottom: 1px solid #ddd; padding: .25rem .8rem; text-align: left; }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums; }
.hops td:last-child, .hops th:last-child { text-align: left; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(560px, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; }
.void { color: #b00020; font-weight: 600; }
"""


def page(made: Report) -> str:
    """One file, nothing beside it."""
    title = f"Load: {escape(made.scenario)}"
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>",
        f"<p>{escape(_where(made))}</p>",
        *_verdicts(made),
        *_table(made.runs),
        *drawn(made.runs),
        '<div class="plots">',
        *_plots(made.runs),
        "</div></html>",
    ]
    return "\n".join(parts) + "\n"


def plot(lines: Sequence[tuple[str, Sequence[Point]]], *, dots: bool) -> str:
    """Lines over seconds, from 0 up; as dots where each point is a case of its own."""
    points = [point for _, each in lines for point in each]
    field = _Field(max(p.at_s for p in points), max(0.0, *(p.value for p in points)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="11" fill="#444">',
        *field.grid(),
    ]
    for number, (name, each) in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        parts += _dots(field, each, colour) if dots else [_line(field, each, colour)]
        parts.append(
            f'<text x="{_LEFT + 8}" y="{_TOP + 12 + number * 14}" fill="{colour}">'
            f"{escape(name)}</text>"
        )
    return "\n".join([*parts, "</svg>"])


class _Field:
    """Where seconds and values stand; both begin at 0."""

    def __init__(self, last_s: float, most: float) -> None:
        self._last_s, self._most = last_s or 1.0, (most or 1.0) * 1.08

    def x(self, at_s: float) -> float:
        return round(_LEFT + at_s / self._last_s * (_RIGHT - _LEFT), 1)

    def y(self, value: float) -> float:
        return round(_BOTTOM - max(0.0, value) / self._most * (_BOTTOM - _TOP), 1)

    def grid(self) -> Iterator[str]:
        for value in _ticks(self._most):
            y = self.y(value)
            yield f'<line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" stroke="#e6e6e6"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>'
        y = _BOTTOM + 18
        for at_s in _ticks(self._last_s):
            yield f'<text x="{self.x(at_s)}" y="{y}" text-anchor="middle">{at_s:g} s</text>'


def _ticks(most: float) -> list[float]:
    """About five round numbers up to `most`."""
    power = 10 ** math.floor(math.log10(most / 5))
    step = next(each * power for each in _STEPS if each * power >= most / 5)
    return [round(step * number, 6) for number in range(int(most / step) + 1)]


def _line(field: _Field, points: Sequence[Point], colour: str) -> str:
    path = " ".join(f"{field.x(p.at_s)},{field.y(p.value)}" for p in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'


def _dots(field: _Field, points: Sequence[Point], colour: str) -> list[str]:
    return [
        f'<circle cx="{field.x(p.at_s)}" cy="{field.y(p.value)}" r="1.8" fill="{colour}"'
        ' fill-opacity=".6"/>'
        for p in points
    ]


def _plots(runs: Sequence[Figures]) -> Iterator[str]:
    """The callers' figures with all runs in one plot each, then each run's programs."""
    for name in ("wait added, ms", "barge-in, ms", "callers late p99, ms"):
        lines = [(_name(run), run.over_time[name]) for run in runs if name in run.over_time]
        if lines:
            yield _figure(name, plot(lines, dots="late" not in name))
    for kind in ("CPU %", "MiB", "descriptors"):
        for run in runs:
            found = sorted(name for name in run.over_time if name.startswith(f"{kind} "))
            lines = [(name.removeprefix(f"{kind} "), run.over_time[name]) for name in found]
            if lines:
                yield _figure(f"{kind}: {_name(run)}", plot(lines, dots=False))


def _figure(title: str, drawn: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>\n{drawn}</figure>"


def _table(runs: Sequence[Figures]) -> Iterator[str]:
    yield "<table><tr><th>at the caller's end</th>"
    yield "".join(f"<th>{escape(_name(run))}</th>" for run in runs) + "</tr>"
    for name, say in ROWS:
        cells = [say(run) for run in runs]
        if any(cell not in ("", "-") for cell in cells):
            shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            yield f"<tr><td>{escape(name.strip())}</td>{shown}</tr>"
    yield "</table>"


def _verdicts(made: Report) -> Iterator[str]:
    for run in made.runs:
        if run.void:
            why = escape("; ".join(run.void_because))
            yield f'<p class="void">{escape(_name(run))}: void, {why}.</p>'


def _where(made: Report) -> str:
    at = made.machine
    on = f"{at.cores} cores, {at.processor}, Python {at.python}" if at else "an unknown machine"
    return f"{made.taken_at} UTC; {on}; {made.how}. {made.note}".strip()


def _name(run: Figures) -> str:
    return f"{run.system}, {run.calls} calls"
