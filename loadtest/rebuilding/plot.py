"""How the rate grows with events and with workers, as SVG."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

from loadtest.rebuilding.figures import Figures, Rebuild
from loadtest.rebuilding.table import TARGET_EVENTS_PER_S

_WIDTH: Final = 720
_HEIGHT: Final = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 590, 50, 340  # of the field with the lines
_COLOURS: Final = ("#1b6ca8", "#d1495b", "#2e8b57", "#8a5fbf", "#b8860b")
_STEPS: Final = (1, 2, 5, 10)


def plotted(found: Figures) -> str:
    """A line for each number of workers; the best run where there are several of a size."""
    rates = [run.events_per_s for run in found.series]
    field = _Field(
        sorted({run.events for run in found.series}), max(*rates, TARGET_EVENTS_PER_S) * 1.08
    )
    title = f"Rebuild of all tables, events/s until live ({found.cores} cores)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="13" fill="#333">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_LEFT, 26, title, 'font-size="16" font-weight="600"'),
        *field.grid(),
        *_target(field),
        *_lines(field, found.series),
        _text((_LEFT + _RIGHT) / 2, _HEIGHT - 16, "events in the log", 'text-anchor="middle"'),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Field:
    """Where events (by their logarithm) and rates (from 0) stand."""

    def __init__(self, sizes: Sequence[int], most: float) -> None:
        self._sizes, self._most = sizes, most

    def x(self, events: int) -> float:
        low, high = math.log(self._sizes[0]), math.log(self._sizes[-1])
        share = (math.log(events) - low) / (high - low) if high > low else 0.5
        return round(_LEFT + 30 + share * (_RIGHT - _LEFT - 60), 1)

    def y(self, rate: float) -> float:
        return round(_BOTTOM - rate / self._most * (_BOTTOM - _TOP), 1)

    def grid(self) -> Iterator[str]:
        step = _step(self._most / 5)
        for rate in range(0, int(self._most) + 1, step):
            y = self.y(rate)
            yield f'<line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" stroke="#e2e2e2"/>'
            yield _text(_LEFT - 8, y + 4, f"{rate:,}", 'text-anchor="end"')
        for events in self._sizes:
            yield _text(self.x(events), _BOTTOM + 20, _short(events), 'text-anchor="middle"')


def _target(field: _Field) -> Iterator[str]:
    y = field.y(TARGET_EVENTS_PER_S)
    yield (
        f'<line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" stroke="#999" stroke-dasharray="5 4"/>'
    )
    told = f"target {TARGET_EVENTS_PER_S:,}"
    yield _text(_RIGHT, y + 16, told, 'fill="#777" text-anchor="end"')


def _lines(field: _Field, series: Sequence[Rebuild]) -> Iterator[str]:
    by_workers = sorted(series, key=lambda run: run.workers)
    for number, (workers, runs) in enumerate(groupby(by_workers, key=lambda run: run.workers)):
        best: dict[int, float] = {}
        for run in runs:
            best[run.events] = max(best.get(run.events, 0.0), run.events_per_s)
        points = [(field.x(events), field.y(best[events])) for events in sorted(best)]
        name = f"{workers} workers" if workers != 1 else "1 worker"
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{x},{y}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        for (x, y), events in zip(points, sorted(best), strict=True):
            said = escape(f"{events:,} events, {name}: {best[events]:,.0f} events/s")
            yield f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"><title>{said}</title></circle>'
        x, y = points[-1]
        yield _text(x + 10, y + 4, f"{name}: {best[max(best)]:,.0f}", f'fill="{colour}"')


def _text(x: float, y: float, words: str, attributes: str = "") -> str:
    return f'<text x="{x}" y="{y}" {attributes}>{escape(words)}</text>'


def _step(about: float) -> int:
    """A round number, about that large."""
    power = 10 ** math.floor(math.log10(about))
    return int(next(step * power for step in _STEPS if step * power >= about))


def _short(events: int) -> str:
    return f"{events / 1e6:.3g}M" if events >= 999_500 else f"{events / 1e3:.3g}k"
