"""What the tests of all ears do: speak, and hear what comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from contracts.agent import Agent
from services.stt.provider import Ear, Heard, SpeechToText
from services.stt.providers.socket_ear import SocketEar

FRAME = b"\x7e" * 160  # 20 ms


def speak(ear: SocketEar, frames: int = 8) -> None:
    for _ in range(frames):
        ear.feed(FRAME)


async def hear(ear: SocketEar, finals: int = 1) -> list[Heard]:
    """All that is heard up to so many finals."""
    heard: list[Heard] = []
    async with asyncio.timeout(5), aclosing(ear.heard()) as words:
        while sum(piece.final for piece in heard) < finals:
            heard.append(await anext(words))
    return heard


async def hear_next(ear: SocketEar) -> Heard:
    """The next piece, be it final or not."""
    async with asyncio.timeout(5), aclosing(ear.heard()) as words:
        return await anext(words)


def told(heard: list[Heard]) -> list[tuple[str, str]]:
    """Each piece's words, and what they are."""
    return [(h.text, "final" if h.final else "eager" if h.eager else "draft") for h in heard]


@asynccontextmanager
async def listened_to(ears: SpeechToText, agent: Agent, count: int) -> AsyncIterator[list[Ear]]:
    """So many ears that somebody listens to."""

    async def listen(ear: Ear) -> None:
        async for _ in ear.heard():
            pass

    opened = [await ears.open(agent, "en-US") for _ in range(count)]
    listening = [asyncio.create_task(listen(ear)) for ear in opened]
    yield opened
    for ear, task in zip(opened, listening, strict=True):
        task.cancel()
        await ear.close()
    await asyncio.gather(*listening, return_exceptions=True)
