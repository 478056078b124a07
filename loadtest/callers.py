"""Callers who all talk at once, in real time."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from loadtest.speech import burst
from services.cli.caller import Caller, place_call

_REPLY_S: Final = 10.0
_TICK_S: Final = 0.02


class Heard(msgspec.Struct, kw_only=True):
    """What the callers of one run saw."""

    waits_ms: list[float] = []  # last speech frame sent to first agent audio received
    calls: list[str] = []
    lost_turns: int = 0
    late_frames: int = 0
    tick_late_ms: list[float] = []  # how late the callers' own clock was: above 10, a void run


async def talk(url: str, agent: str, calls: int, turns: int) -> Heard:
    """`calls` callers of `turns` turns each, spread over one second so that turns do not align."""
    heard = Heard()
    watching = asyncio.create_task(_watch_clock(heard))
    speech = burst()
    await asyncio.gather(
        *(_one(url, agent, turns, place / max(calls, 1), speech, heard) for place in range(calls))
    )
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return heard


async def _one(
    url: str, agent: str, turns: int, delay_s: float, speech: Sequence[bytes], heard: Heard
) -> None:
    await asyncio.sleep(delay_s)
    async with place_call(url, agent=agent) as caller:
        heard.calls.append(caller.call)
        await caller.hear_first_audio(_REPLY_S)
        await caller.hear_out(_REPLY_S)
        for _ in range(turns):
            await _turn(caller, speech, heard)
        heard.late_frames += caller.late_frames


async def _turn(caller: Caller, speech: Sequence[bytes], heard: Heard) -> None:
    await caller.say(speech)
    try:
        heard.waits_ms.append(await caller.hear_first_audio(_REPLY_S) * 1000)
        await caller.hear_out(_REPLY_S)
    except TimeoutError:
        heard.lost_turns += 1


async def _watch_clock(heard: Heard) -> None:
    due = time.monotonic()
    while True:
        due += _TICK_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        heard.tick_late_ms.append((time.monotonic() - due) * 1000)
