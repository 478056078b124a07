"""The time of day, as events carry it."""

import time


def now_ms() -> int:
    """UNIX time in milliseconds."""
    return time.time_ns() // 1_000_000
