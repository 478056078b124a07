"""A synthesiser whose sentences are told to telemetry: how long they take and what they cost."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from contracts.dialog import Voice
from infra.telemetry import use
from services.audio.frames import SAMPLE_RATE_HZ
from services.tts.provider import Piece, TextToSpeech
from services.tts.voices import closable


class TimedVoice:
    """services.tts.provider.TextToSpeech, as the one within."""

    def __init__(self, within: TextToSpeech) -> None:
        self._within = within
        self.name, self.capabilities = within.name, within.capabilities

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        """See TextToSpeech.speak."""
        with use("synthesize", self.name, voice.model) as timed:
            timed.characters(len(text))
            spoken_bytes = 0
            try:
                async with aclosing(closable(self._within.speak(text, voice))) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, bytes):
                            timed.result()
                            spoken_bytes += len(piece)
                        yield piece
            finally:
                timed.audio(spoken_bytes * 1000 / SAMPLE_RATE_HZ)

    async def close(self) -> None:
        """Let go of its connections and processes."""
        await self._within.close()
