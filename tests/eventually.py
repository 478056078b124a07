"""Waiting in tests: for a condition, with a deadline; never for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Return as soon as `holds()`. Fails the test when it does not within the time."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not true within {within_s:g} s"
        time.sleep(0.01)


async def eventually_async(holds: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """The same for a condition that has to be awaited."""
    deadline_s = time.monotonic() + within_s
    while not await holds():
        assert time.monotonic() < deadline_s, f"not true within {within_s:g} s"
        await asyncio.sleep(0.01)
