"""A tone instead of speech: as long as the sentence would be, at once, for next to no work."""

from collections.abc import AsyncGenerator
from typing import Final

import numpy as np

from contracts.dialog import Voice
from services.audio import mulaw
from services.audio.frames import SAMPLE_RATE_HZ
from services.tts.provider import Capabilities

NAME: Final = "tone"
MS_PER_CHARACTER: Final = 60  # about as long as speech of 165 words a minute
_TONE_HZ: Final = 400  # divides the sampling rate, so that periods join without a click
_AMPLITUDE: Final = 8_000  # -12 dBFS: a tone is louder to the ear than speech of the same peak
_LONGEST_S: Final = 60


class Tone:
    """Gives all of a sentence's sound in one piece."""

    name = NAME
    capabilities = Capabilities(streaming=True)

    def __init__(self, *, ms_per_character: int = MS_PER_CHARACTER) -> None:
        self._bytes_per_character = ms_per_character * SAMPLE_RATE_HZ // 1000
        at = np.arange(SAMPLE_RATE_HZ)
        second = np.rint(_AMPLITUDE * np.sin(2 * np.pi * _TONE_HZ / SAMPLE_RATE_HZ * at))
        self._sound = mulaw.encode(second.astype("<i2").tobytes()) * _LONGEST_S

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        yield self._sound[: max(1, len(text)) * self._bytes_per_character]

    async def close(self) -> None:
        """Nothing is held."""
