"""Synthesisers that do what a test tells them."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator

from contracts.dialog import Voice
from services.audio.frames import SILENT_FRAME
from services.tts.provider import Capabilities, Piece, SynthesisError, WordTimes


class Held:
    """Gives one frame of a sentence, and the rest when it is let go."""

    name = "held"
    capabilities = Capabilities(streaming=True)

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stopped = 0  # sentences closed before their end
        self.let_go = asyncio.Event()

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        self.asked.append(text)
        try:
            yield SILENT_FRAME * 2
            await self.let_go.wait()
            yield SILENT_FRAME * 20
        except (GeneratorExit, asyncio.CancelledError):
            self.stopped += 1
            raise

    async def close(self) -> None:
        self.let_go.set()


class Timed:
    """Gives a second of sound, and when the words end."""

    name = "timed"
    capabilities = Capabilities(streaming=True, word_times=True)

    def __init__(self, *ends_ms: int) -> None:
        self.asked = 0
        self._times = WordTimes(ends_ms)

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        self.asked += 1
        yield SILENT_FRAME * 50
        yield self._times

    async def close(self) -> None:
        """Nothing is held."""


class Failing:
    """Fails so many times, then speaks."""

    name = "failing"
    capabilities = Capabilities(streaming=True)

    def __init__(self, times: int, *, retryable: bool = True, after_audio: bool = False) -> None:
        self.asked = 0
        self._times, self._retryable, self._after_audio = times, retryable, after_audio

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        self.asked += 1
        if self.asked <= self._times:
            if self._after_audio:
                yield SILENT_FRAME * 4
            raise SynthesisError("failing", "unavailable", retryable=self._retryable)
        yield SILENT_FRAME * 4

    async def close(self) -> None:
        """Nothing is held."""


class Reciting:
    """Says each text in its own way, always the same, no two frames of it alike.

    Args:   piece_bytes: how much it gives at once; no sentence is cut alike with another.
            pause_s: between two pieces.
            falls_silent_after_bytes: of a sentence; 0: never. It then says nothing more for ever.
    """

    name = "reciting"
    capabilities = Capabilities(streaming=True)

    def __init__(
        self, piece_bytes: int, *, pause_s: float = 0.0, falls_silent_after_bytes: int = 0
    ) -> None:
        self.asked: list[str] = []
        self._piece_bytes, self._pause_s = piece_bytes, pause_s
        self._falls_silent_after_bytes = falls_silent_after_bytes

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        self.asked.append(text)
        sound = recited(text)
        for at in range(0, len(sound), self._piece_bytes):
            if 0 < self._falls_silent_after_bytes <= at:
                await asyncio.Event().wait()
            yield sound[at : at + self._piece_bytes]
            await asyncio.sleep(self._pause_s)

    async def close(self) -> None:
        """Nothing is held."""


def recited(text: str) -> bytes:
    """How `Reciting` says it: 100 ms a character."""
    return b"".join(
        hashlib.sha256(f"{at} {text}".encode()).digest() for at in range(len(text) * 25)
    )
