"""When people call, and how their calls are named after it."""

from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from typing import Final

from contracts.ids import CallId

_HOUR_MS: Final = 3_600_000
_DAY: Final = (1, 1, 1, 1, 1, 2, 5, 14, 34, 52, 58, 50, 38, 42, 50, 52, 46, 36, 22, 12, 7, 4, 2, 1)
"""How many call in each hour of the day (UTC), in parts."""
_WEEKEND: Final = 0.3  # of what a weekday has
_LONGEST_MS: Final = 66 * 60_000  # of a call: none ends after the time up to which they are made
LEAST_DAYS: Final = 0.1


def rings(random: Random, calls: int, until_ms: int, days: float) -> list[int]:
    """UNIX times in milliseconds at which `calls` ring, in no order.

    All calls are over `until_ms`, and the first ones ring up to `days` before. However many are
    asked for, the first ones are the same. Raises ValueError for less than LEAST_DAYS.
    """
    if days < LEAST_DAYS:
        raise ValueError(f"calls need {LEAST_DAYS} days at least to have rung and ended")
    last_ms = until_ms - _LONGEST_MS
    hours = range(until_ms - round(days * 24 * _HOUR_MS), last_ms, _HOUR_MS)
    weights = list(accumulate(_busy(hour_ms) for hour_ms in hours))
    return [_ring(random, hours, weights, last_ms) for _ in range(calls)]


def call_id(rang_ms: int, random: Random) -> CallId:
    """The id of a call that rang then, as contracts.ids.new_call_id makes it."""
    number = (rang_ms & (1 << 48) - 1) << 80 | random.getrandbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return CallId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def _ring(random: Random, hours: range, weights: list[int], last_ms: int) -> int:
    hour_ms = random.choices(hours, cum_weights=weights)[0]
    return min(hour_ms + random.randrange(_HOUR_MS), last_ms)


def _busy(hour_ms: int) -> int:
    at = datetime.fromtimestamp(hour_ms / 1000, UTC)
    return round(10 * _DAY[at.hour] * (_WEEKEND if at.weekday() >= 5 else 1))
