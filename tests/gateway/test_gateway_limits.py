"""When a line is given up, and when it only looks so."""

import asyncio
import time

import pytest

from contracts import agent
from services.gateway.limits import Limits


@pytest.mark.parametrize(("stood_still_s", "read_at_s"), [(1.5, 0.4), (0.35, 0.5)])
async def test_a_line_is_not_lost_because_its_gateway_stood_still(
    stood_still_s: float, read_at_s: float
) -> None:
    """What the caller sent meanwhile waits in the socket, and is read before the line is judged;
    also where it stood still until just after the limit."""
    happened: list[str] = []
    over = asyncio.Event()

    def lost(reason: str) -> None:
        happened.append(reason)
        over.set()

    def read() -> None:
        happened.append("read")
        limits.heard_media()

    loop = asyncio.get_running_loop()
    limits = Limits(agent.Limits(media_silence_ms=300), lambda: False, lost)
    loop.call_later(0.1, time.sleep, stood_still_s)  # as if the whole process were paused
    loop.call_later(read_at_s, read)
    await asyncio.wait_for(over.wait(), 10)
    assert happened == ["read", "media_lost"]
