"""Whether Whisper heard words or made them up: its own figures, as each of its servers gives them.

On sound without speech Whisper writes what its training films often ended with. Sources:
[1] openai/whisper, transcribe.py: a segment is silent when `no_speech_prob` > 0.6 and
    `avg_logprob` < -1; it has failed when `avg_logprob` < -1 or `compression_ratio` > 2.4 (the
    same words over and over); so does OpenAI's reference of TranscriptionSegment, but for 0.6;
[2] Baranski et al., Investigation of Whisper ASR Hallucinations Induced by Non-Speech Audio,
    ICASSP 2025, arXiv 2501.11378: a few phrases make up most of what is heard in noise, and their
    log probability is high, so that [1] lets them pass.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from services.stt.provider import Heard

NO_SPEECH: Final = 0.6  # [1]
FAILED_LOGPROB: Final = -1.0  # [1]
REPEATING: Final = 2.4  # [1]
# [2] Callers say some of them, too: they count as made up only where `no_speech_prob` says so.
_MADE_UP: Final = frozenset(
    {
        "you", "so", "the", "oh", "bye", "bye bye", "thank you", "thank you very much",
        "thank you so much", "thanks for watching", "thank you for watching", "please subscribe",
        "subtitles by the amara org community", "transcription by castingwords", "the end",
        "ill see you next time", "see you next time",
    }
)  # fmt: skip


class Segment(msgspec.Struct, frozen=True):
    """A stretch of what Whisper wrote."""

    text: str
    avg_logprob: float = 0.0  # of its tokens; 0: sure
    no_speech_prob: float = 0.0  # 0..1
    compression_ratio: float = 1.0  # of its text by zlib


def heard(segments: Iterable[Segment], language: str) -> Heard:
    """What is left of a turn without what was made up; failed segments count as not sure at all."""
    said = [segment for segment in segments if segment.text.strip() and not _made_up(segment)]
    return Heard(
        text=" ".join(segment.text.strip() for segment in said),
        final=True,
        confidence=_confidence(said),
        language=language,
    )


def _made_up(segment: Segment) -> bool:
    if segment.no_speech_prob <= NO_SPEECH:
        return False
    return segment.avg_logprob < FAILED_LOGPROB or _plain(segment.text) in _MADE_UP


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower().replace("'", "")).split())


def _confidence(said: Sequence[Segment]) -> float:
    """Mean of the segments' token probabilities, weighted by their length."""
    letters = sum(len(segment.text) for segment in said)
    sure = sum(_probability(segment) * len(segment.text) for segment in said)
    return sure / letters if letters else 1.0


def _probability(segment: Segment) -> float:
    if segment.avg_logprob < FAILED_LOGPROB or segment.compression_ratio > REPEATING:
        return 0.0
    return math.exp(min(segment.avg_logprob, 0.0))
