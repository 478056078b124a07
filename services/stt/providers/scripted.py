"""A recogniser that hears what it was told to hear, without latency: for load and for tests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from contracts.agent import Agent
from services.stt.provider import Capabilities, Heard

NAME: Final = "scripted"


class Scripted:
    """Each `finish` gives the next of `agent.stt.options["lines"]`, from the first again at the
    end; without lines nothing is understood. The sound is not looked at."""

    name = NAME
    capabilities = Capabilities(interim=False, end_of_turn=False, continuous=False)

    async def open(self, agent: Agent, language: str) -> "ScriptedEar":
        return ScriptedEar(tuple(str(line) for line in agent.stt.options.get("lines", ())))

    async def close(self) -> None:
        """Nothing is held."""


class ScriptedEar:
    """The script of one call."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines = lines
        self._given = 0
        self._heard: asyncio.Queue[Heard | None] = asyncio.Queue()

    def feed(self, frame: bytes) -> None:
        """Cost nothing."""

    def finish(self) -> None:
        line = self._lines[self._given % len(self._lines)] if self._lines else ""
        self._given += 1
        self._heard.put_nowait(Heard(text=line, final=True))

    async def heard(self) -> AsyncIterator[Heard]:
        while (heard := await self._heard.get()) is not None:
            yield heard

    async def close(self) -> None:
        self._heard.put_nowait(None)
