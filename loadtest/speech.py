"""Speech for callers: loud from its first to its last frame, so that its end is exact."""

from itertools import cycle, islice
from typing import Final

from services.audio.frames import FRAME_MS, split
from services.audio.mulaw import level_rms
from services.audio.phrases import one_moment

_LOUD_RMS: Final = 1_200  # of 16-bit samples: over what any rule asks


def burst(length_ms: int = 1_500) -> list[bytes]:
    """20 ms frames of a voice without its pauses, such as a model takes for a voice, too."""
    loud = [frame for frame in split(one_moment()) if level_rms(frame) > _LOUD_RMS]
    return list(islice(cycle(loud), length_ms // FRAME_MS))
