"""Bars of characters: what a terminal, a pipe and a mail all show."""

from collections.abc import Mapping, Sequence
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_FULL: Final = "█"


def bar(value: float, most: float, width: int) -> str:
    """A bar that is `width` characters long where `value` is `most`; what is not 0 is seen."""
    if most <= 0 or value <= 0:
        return ""
    eighths = max(1, round(min(value / most, 1.0) * width * 8))
    return (_FULL * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def two_bars(inner: float, outer: float, most: float, width: int) -> str:
    """How far `inner` goes, in full, and beyond it, in light, how far `outer` does."""
    ends = [
        round(max(0.0, min(each / most, 1.0)) * width) if most > 0 else 0 for each in (inner, outer)
    ]
    return "█" * ends[0] + "░" * max(0, ends[1] - ends[0])


def columns(values: Mapping[int, float], places: Sequence[int], height: int) -> list[str]:
    """Columns of two characters and a space, one for each place; the highest line first."""
    most = max((values.get(place, 0) for place in places), default=0)
    levels = [_level(values.get(place, 0), most, height) for place in places]
    return [
        " ".join(_LEVELS[max(0, min(8, level - 8 * line))] * 2 for level in levels)
        for line in reversed(range(height))
    ]


def _level(value: float, most: float, height: int) -> int:
    """In eighths of a line."""
    return max(1, round(value / most * height * 8)) if most and value else 0
