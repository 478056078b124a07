"""Speech for callers: loud from its first to its last frame, so that its end is exact."""

import math
from typing import Final

import numpy as np

from services.audio.frames import FRAME_MS, SAMPLE_RATE_HZ, split
from services.audio.mulaw import encode

_PITCH_HZ: Final = 180.0
_SYLLABLE_HZ: Final = 4.0


def burst(length_ms: int = 1_500) -> list[bytes]:
    """20 ms frames of a voiced sound whose loudness sways like syllables, never to silence."""
    samples = SAMPLE_RATE_HZ * (length_ms // FRAME_MS * FRAME_MS) // 1000
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    loudness = 0.65 + 0.35 * np.sin(2 * math.pi * _SYLLABLE_HZ * time_s)
    tones = sum(np.sin(2 * math.pi * _PITCH_HZ * k * time_s) / k for k in (1, 2, 3, 5))
    pcm = np.asarray(loudness * tones * 6_000, dtype="<i2")
    return list(split(encode(pcm.tobytes())))
