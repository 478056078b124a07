"""Recognisers that do what a test wants: real ears, but nothing behind them."""

import asyncio
from collections.abc import AsyncIterator

from contracts.agent import Agent
from services.stt.provider import Capabilities, Heard, RecognitionFailed


class Recording:
    """Writes down what it is fed; hears what the test says."""

    name = "recording"

    def __init__(
        self, *, end_of_turn: bool = False, continuous: bool = False, eager: bool = False
    ) -> None:
        self.capabilities = Capabilities(
            interim=True, end_of_turn=end_of_turn, continuous=continuous, eager=eager
        )
        self.ears: list[RecordingEar] = []
        self.refusals = 0  # of the next openings

    async def open(self, agent: Agent, language: str) -> "RecordingEar":
        if self.refusals:
            self.refusals -= 1
            raise RecognitionFailed(self.name, "refused", retryable=True)
        self.ears.append(RecordingEar())
        return self.ears[-1]

    async def close(self) -> None:
        pass


class RecordingEar:
    def __init__(self) -> None:
        self.fed: list[bytes] = []
        self.finished = asyncio.Semaphore(0)
        self.turns = 0  # finished
        self._said: asyncio.Queue[Heard | RecognitionFailed | None] = asyncio.Queue()

    def say(self, heard: Heard | RecognitionFailed) -> None:
        self._said.put_nowait(heard)

    def feed(self, frame: bytes) -> None:
        self.fed.append(frame)

    def finish(self) -> None:
        self.turns += 1
        self.finished.release()

    async def heard(self) -> AsyncIterator[Heard]:
        while (said := await self._said.get()) is not None:
            if isinstance(said, RecognitionFailed):
                raise said
            yield said

    async def close(self) -> None:
        self._said.put_nowait(None)
