"""How well PocketSphinx's words fit the sound. A grammar always finds something: this says when
to believe it. Pure.

The measure is the acoustic score of the words, without the silence around them, per frame of 10 ms
(natural logarithm). Its two points were set on 54 sentences of a grammar by three synthetic
voices: those understood scored -3.04 or better. With the example agent's grammar and a fourth
voice, at 0.3: of its own sentences 32 of 32 were believed, of others 0 of 80, of others that begin
like its own 6 of 20. Real callers will be worse.
"""

import math
from collections.abc import Iterable
from typing import Final

Segment = tuple[str, int, int, float]  # word, first and last frame, likelihood (linear)

_DOUBTFUL: Final = -3.15  # the score that counts as 0.3
_SURE: Final = -1.75  # and the one that counts as 1.0
_UNDERFLOW: Final = -700.0  # the logarithm of what is too small for a double


def confidence(segments: Iterable[Segment]) -> float:
    """0..1; below 0.3 the words were probably not said."""
    words = [segment for segment in segments if not segment[0].startswith(("<", "["))]
    frames = sum(last - first + 1 for _, first, last, _ in words)
    if not frames:
        return 0.0
    score = sum(_log(likelihood) for *_, likelihood in words) / frames
    return min(1.0, max(0.0, 0.3 + 0.7 * (score - _DOUBTFUL) / (_SURE - _DOUBTFUL)))


def _log(likelihood: float) -> float:
    return math.log(likelihood) if likelihood > 0 else _UNDERFLOW
