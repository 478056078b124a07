"""What the tests of all ears do: speak, and hear what comes."""

import asyncio
from contextlib import aclosing

from services.stt.provider import Heard
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


def told(heard: list[Heard]) -> list[tuple[str, str]]:
    """Each piece's words, and what they are."""
    return [(h.text, "final" if h.final else "eager" if h.eager else "draft") for h in heard]
