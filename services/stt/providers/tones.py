"""A recogniser of touch tones: what it understands is exactly what was said, and costs little.

For tests of the whole path from sound to sound. Words are symbols: a caller who plays 0, 7, 1 has
said "0 7 1".
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from contracts.agent import Agent
from services.audio.touch_tones import Hearing
from services.stt.provider import Capabilities, Heard

NAME: Final = "tones"


class Tones:
    """Each `finish` gives the symbols that sounded since the last; none: nothing understood."""

    name = NAME
    capabilities = Capabilities(interim=False, end_of_turn=False, continuous=False)

    async def open(self, agent: Agent, language: str) -> "TonesEar":
        return TonesEar()

    async def close(self) -> None:
        """Nothing is held."""


class TonesEar:
    """One call's."""

    def __init__(self) -> None:
        self._hearing = Hearing()
        self._symbols: list[str] = []
        self._heard: asyncio.Queue[Heard | None] = asyncio.Queue()

    def feed(self, frame: bytes) -> None:
        if symbol := self._hearing.feed(frame):
            self._symbols.append(symbol)

    def finish(self) -> None:
        text, self._symbols = " ".join(self._symbols), []
        self._hearing = Hearing()
        self._heard.put_nowait(Heard(text=text, final=True))

    async def heard(self) -> AsyncIterator[Heard]:
        while (heard := await self._heard.get()) is not None:
            yield heard

    async def close(self) -> None:
        self._heard.put_nowait(None)
