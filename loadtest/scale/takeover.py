"""A process that held many calls is killed: how long until another has the last of them."""

import asyncio
import contextlib
import time
from typing import Final

import msgspec
from nats.aio.msg import Msg

from contracts.codec import outline
from loadtest.proc import cost
from loadtest.scale.hosts import Stage, another
from loadtest.scale.idle import NotTaken
from services.cli.settings import Settings

_CLAIMED: Final = f"live.call.{Settings().tenant}.*.transcript"  # idle calls say nothing else there
_WITHIN_S: Final = 120.0


class TakenOver(msgspec.Struct, frozen=True, kw_only=True):
    """By one heir. Seconds are since the kill."""

    calls: int
    first_s: float  # that the first call was claimed in the log
    half_s: float
    last_s: float
    cpu_ms_per_call: float  # of the heir


async def taken_over(stage: Stage, calls: int) -> TakenOver:
    """Kill the process of STT, which holds `calls`. Raises NotTaken when calls are left."""
    claimed_s: dict[str, float] = {}
    all_claimed = asyncio.Event()

    async def on_claimed(message: Msg) -> None:
        if outline(message.data).by.startswith("stt-"):
            claimed_s.setdefault(message.subject, time.monotonic())
        if len(claimed_s) == calls:
            all_claimed.set()

    async with another(stage, "stt") as heir:
        listening = await stage.bus.nc.subscribe(_CLAIMED, cb=on_claimed)
        await stage.bus.nc.flush()
        cpu_s, killed_s = cost(heir.pid).cpu_s, time.monotonic()
        await stage.crew["stt"].kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(all_claimed.wait(), _WITHIN_S)
        if left := calls - len(claimed_s):
            raise NotTaken(f"{left} calls of a dead host were not taken within {_WITHIN_S:g} s")
        cpu_s = cost(heir.pid).cpu_s - cpu_s
        await listening.unsubscribe()
    since_s = sorted(at_s - killed_s for at_s in claimed_s.values())
    return TakenOver(
        calls=calls,
        first_s=round(since_s[0], 2),
        half_s=round(since_s[calls // 2], 2),
        last_s=round(since_s[-1], 2),
        cpu_ms_per_call=round(cpu_s / calls * 1000, 2),
    )
