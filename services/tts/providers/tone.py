"""A tone instead of speech: as long as the sentence would be, for next to no work.

All of a sentence comes at once, unless the voice's `model` says at what multiple of real time it is
to be streamed: `1.5x`. Only sound that is not there yet can come too late.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Final

import numpy as np

from contracts.dialog import Voice
from services.audio import mulaw
from services.audio.frames import SAMPLE_RATE_HZ, split
from services.tts.provider import Capabilities, SynthesisError

NAME: Final = "tone"
MS_PER_CHARACTER: Final = 60  # about as long as speech of 165 words a minute
_TONE_HZ: Final = 400  # divides the sampling rate, so that periods join without a click
_AMPLITUDE: Final = 8_000  # -12 dBFS: a tone is louder to the ear than speech of the same peak
_LONGEST_S: Final = 60
_PIECE_BYTES: Final = 800  # 100 ms, as providers that stream send it
_PACE: Final = re.compile(r"(\d+(?:\.\d+)?)x")


class Tone:
    """Gives a sentence's sound in one piece, or streams it."""

    name = NAME
    capabilities = Capabilities(streaming=True)

    def __init__(self, *, ms_per_character: int = MS_PER_CHARACTER) -> None:
        self._bytes_per_character = ms_per_character * SAMPLE_RATE_HZ // 1000
        at = np.arange(SAMPLE_RATE_HZ)
        second = np.rint(_AMPLITUDE * np.sin(2 * np.pi * _TONE_HZ / SAMPLE_RATE_HZ * at))
        self._sound = mulaw.encode(second.astype("<i2").tobytes()) * _LONGEST_S

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        sound = self._sound[: max(1, len(text)) * self._bytes_per_character]
        if not voice.model:
            yield sound
            return
        piece_s = _PIECE_BYTES / SAMPLE_RATE_HZ / _pace(voice.model)
        due_s = asyncio.get_running_loop().time()
        for piece in split(sound, _PIECE_BYTES):
            yield piece
            due_s += piece_s  # counted from the first, so that lateness does not add up
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Nothing is held."""


def _pace(model: str) -> float:
    """Times real time. Raises SynthesisError."""
    told = _PACE.fullmatch(model)
    if told is None or not float(told[1]):
        raise SynthesisError(NAME, "refused", retryable=False)
    return float(told[1])
