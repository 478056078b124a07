"""The server's time stamps as UNIX milliseconds, to the same bit for all who read the log."""

from datetime import datetime
from functools import lru_cache
from typing import Final

_HALF_EVEN: Final = 4_503_599_627_370_496.0  # 2 ** 52: a sum with it has no digits behind the point


def unix_ms(stamp: str) -> float:
    """Of an RFC 3339 stamp in UTC, with up to nine digits of a second."""
    seconds, _, fraction = stamp.rstrip("Z").partition(".")
    return stored_ms(_unix_s(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")))


@lru_cache(maxsize=8)  # live messages are of this second
def _unix_s(seconds: str) -> int:
    return int(datetime.fromisoformat(seconds + "+00:00").timestamp())


def stored_ms(since_ns: int) -> float:
    """Of nanoseconds, rounded as nats-py rounds what a consumer delivers.

    So it is to the bit what the projections had, and their rows can be compared with.
    """
    since_s = since_ns / 1_000_000_000.0
    whole_s = float(int(since_s))
    microseconds = (since_s - whole_s) * 1e6 + _HALF_EVEN - _HALF_EVEN  # as datetime rounds
    return (whole_s * 1e6 + microseconds) / 1e6 * 1000.0
