"""The server's time stamps as UNIX milliseconds, to the same bit for all who read the log."""

from datetime import datetime
from functools import lru_cache


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
    whole_s = int(since_s)
    microseconds = whole_s * 1_000_000 + round((since_s - whole_s) * 1e6)  # as datetime rounds
    return microseconds / 1_000_000 * 1000
