"""Synthesisers that do what a test tells them."""

import asyncio
from collections.abc import AsyncGenerator

from contracts.dialog import Voice
from services.audio.frames import SILENT_FRAME
from services.tts.provider import Capabilities, SynthesisError


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
