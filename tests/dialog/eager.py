"""A model that can be watched while it answers ahead of the turn's end."""

import asyncio
from collections.abc import AsyncIterator

from eventually import eventually_async
from lines import LONG, Line
from told import Piece, Told

from contracts import dialog
from services.dialog.provider import Delta, Prompt, Usage


class Slow(Told):
    """Writes word by word, a word each time it is let; tells when it is asked and when closed."""

    def __init__(self, text: str = LONG) -> None:
        super().__init__(self._answer)
        self.asked, self.closed = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self._words = asyncio.Semaphore(0)
        self._text = text

    def write_words(self, count: int = 1_000) -> None:
        for _ in range(count):
            self._words.release()

    async def _answer(self, prompt: Prompt) -> AsyncIterator[Piece]:
        self.asked.release()
        try:
            for word in self._text.split():
                await self._words.acquire()
                yield Delta(f"{word} ")
            yield Usage(tokens_in=40, tokens_out=16)
        finally:
            self.closed.release()


async def soon(happened: asyncio.Semaphore) -> None:
    await asyncio.wait_for(happened.acquire(), 10)


async def discarded(call: Line) -> list[dialog.DraftDiscarded]:
    return [e for e in await call.decided() if isinstance(e, dialog.DraftDiscarded)]


async def asked_times(model: Told, times: int) -> None:
    """The model has been asked so often."""

    async def so_often() -> bool:
        return len(model.prompts) == times

    await eventually_async(so_often)
