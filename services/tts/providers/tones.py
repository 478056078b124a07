"""Touch tones instead of speech: whoever listens can tell exactly which sentence was heard.

The symbols of a sentence's text sound one after the other; before the last one a soft hum makes
the sentence as long as speech would be. So a sentence whose text is `*071A#` begins with `*`, and
was heard whole only when its `#` was. The pieces are always the same and come four times as fast as
speech, so that a synthesiser can be killed in the middle of a sentence.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import numpy as np

from contracts.dialog import Voice
from services.audio import mulaw
from services.audio.frames import CHUNK_BYTES, FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ, split
from services.audio.touch_tones import encode, symbols_in
from services.tts.provider import Capabilities

NAME: Final = "tones"
SENTENCE_MS: Final = 1_200  # at least
_PIECE_S: Final = CHUNK_BYTES / SAMPLE_RATE_HZ / 4
_HUM_HZ: Final = 100  # two periods a frame, so that frames join without a click
_HUM_AMPLITUDE: Final = 150  # far softer than anybody's speech


class Tones:
    """Speaks symbols at a steady pace."""

    name = NAME
    capabilities = Capabilities(streaming=True)

    def __init__(self, *, sentence_ms: int = SENTENCE_MS) -> None:
        self._bytes = sentence_ms // FRAME_MS * FRAME_BYTES
        at_s = np.arange(FRAME_BYTES) / SAMPLE_RATE_HZ
        hum = np.rint(_HUM_AMPLITUDE * np.sin(2 * np.pi * _HUM_HZ * at_s))
        self._hum = mulaw.encode(hum.astype("<i2").tobytes())

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        for piece in split(self._sound(symbols_in(text)), CHUNK_BYTES):
            yield piece
            await asyncio.sleep(_PIECE_S)

    def _sound(self, symbols: str) -> bytes:
        begun, ended = encode(symbols[:-1]), encode(symbols[-1:])
        missing = self._bytes - len(begun) - len(ended)
        return begun + self._hum * (missing // FRAME_BYTES) + ended

    async def close(self) -> None:
        """Nothing is held."""
