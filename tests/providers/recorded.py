"""What the tests of ears that send whole turns share: a caller's voice, and the words of turns."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import numpy as np
from eventually import eventually_async

from contracts.agent import Agent
from services.audio.frames import SILENT_FRAME
from services.stt.provider import Ear, Heard, SpeechToText

LOUD = (b"\x20" * 4 + b"\xa0" * 4) * 20  # 20 ms of a tone of 1 kHz
AGENT = Agent(name="clinic")
WORDS = "my number is four five six"


def samples(pcm: bytes) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.frombuffer(pcm, "<i2")


@asynccontextmanager
async def listening(
    ears: SpeechToText, agent: Agent = AGENT, language: str = "en-US"
) -> AsyncIterator[Ear]:
    ear = await ears.open(agent, language)
    try:
        yield ear
    finally:
        await ear.close()
        await ears.close()


def say(ear: Ear, frames: int = 15) -> None:
    """A turn that is over."""
    for frame in (SILENT_FRAME, *(LOUD,) * frames, SILENT_FRAME):
        ear.feed(frame)
    ear.finish()


async def words(ear: Ear, turns: int = 1) -> list[Heard]:
    """The finals of so many turns."""
    async with asyncio.timeout(5), aclosing(ear.heard()) as heard:
        return [await anext(heard) for _ in range(turns)]


async def until(holds: Callable[[], bool]) -> None:
    async def held() -> bool:
        return holds()

    await eventually_async(held, within_s=5)
