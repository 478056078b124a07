"""Vendors that understand one sentence: any sound is UNDERSTOOD, and a pause ends the turn."""

from typing import NamedTuple

from vendors import cartesia, deepgram, deepgram_flux, sockets

from services.audio.frames import SILENT_FRAME

UNDERSTOOD = "no thank you"
PAUSE = SILENT_FRAME * 50  # 1 s


class Turn(NamedTuple):
    """A turn that is over."""

    words: str
    asked: bool  # the client said that it is over


class Turns:
    """What a vendor makes of a line's audio. `asked_bytes`: what had come before each request."""

    def __init__(self, line: sockets.Line, asked_bytes: list[int]) -> None:
        self._line, self._asked_bytes = line, asked_bytes
        self._taken = self._answered = 0

    async def next(self) -> Turn:
        """The next turn that ends."""
        await self._line.until(lambda: self._asked or self._pause() > 0)
        asked = self._asked
        end = self._asked_bytes[self._answered] if asked else self._pause()
        sound = self._line.audio[self._taken : end].strip(SILENT_FRAME)
        self._taken, self._answered = end, self._answered + asked
        return Turn(UNDERSTOOD if sound else "", asked)

    @property
    def _asked(self) -> bool:
        return len(self._asked_bytes) > self._answered

    def _pause(self) -> int:
        """Where a pause has followed sound; 0: not yet."""
        audio = self._line.audio
        sound = len(audio) - len(audio[self._taken :].lstrip(SILENT_FRAME))
        return audio.find(PAUSE, sound) + len(PAUSE) if PAUSE in audio[sound:] else 0


async def nova(line: deepgram.Line) -> None:
    """Deepgram, listen v1."""
    turns = Turns(line, line.finalized_bytes)
    while True:
        words, asked = await turns.next()
        await line.results(words)
        await line.results(words, is_final=True, speech_final=not asked, from_finalize=asked)


async def flux(line: deepgram_flux.FluxLine) -> None:
    """Deepgram, listen v2: a request outside of a turn is not answered."""
    turns = Turns(line, line.forced_bytes)
    while True:
        words, asked = await turns.next()
        if words:
            await line.start("no")
            await line.update(words)
            await line.eager(words)
            await line.end(words, trigger="manual" if asked else "model")


async def ink(line: cartesia.InkLine) -> None:
    """Cartesia: only a pause ends a turn."""
    turns = Turns(line, [])
    while True:
        words, _ = await turns.next()
        await line.start()
        await line.update(words)
        await line.eager(words)
        await line.end(words)
