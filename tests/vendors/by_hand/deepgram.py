"""What loopback's Deepgram hears: drafts while one speaks, the turn's words when one is silent."""

from collections.abc import Awaitable, Callable

from vendors.by_hand.hearing import Ear, Place
from vendors.by_hand.latency import Latency, wait
from vendors.deepgram import Line


def nova(known: dict[bytes, Place], latency: Latency) -> Callable[[Line], Awaitable[None]]:
    """The script of listen v1: a turn ends after the `endpointing` that was asked for."""

    async def script(line: Line) -> None:
        await _Nova(known, latency, line).listen()

    return script


class _Nova:
    def __init__(self, known: dict[bytes, Place], latency: Latency, line: Line) -> None:
        self._ear, self._latency, self._line = Ear(known), latency, line
        self._taken = self._answered = 0  # bytes of audio, and Finalizes
        self._drafted = ""
        self._endpointing_ms = int(line.query.get("endpointing", 10))

    async def listen(self) -> None:
        while True:
            await self._line.until(self._news)
            self._ear.take(bytes(self._line.audio[self._taken :]))
            self._taken = len(self._line.audio)
            if self._asked or (self._ear.words and self._ear.quiet_ms >= self._endpointing_ms):
                await self._final()
            elif self._ear.words != self._drafted:
                self._drafted = self._ear.words
                await self._line.results(self._drafted)

    @property
    def _asked(self) -> bool:
        return len(self._line.finalized_bytes) > self._answered

    def _news(self) -> bool:
        return self._asked or len(self._line.audio) > self._taken

    async def _final(self) -> None:
        asked, self._answered = self._asked, len(self._line.finalized_bytes)
        words, self._drafted = self._ear.words, ""
        self._ear.forget()
        await wait(self._latency.words_ms)
        await self._line.results(words, is_final=True, speech_final=not asked, from_finalize=asked)
