"""What is recorded of a turn: its words, or that none could be made out. Pure."""

from typing import Literal

from contracts.recorded import TranscriptEvent
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from services.stt.provider import Heard
from services.stt.turn import Conclude


def verdict(turn: Conclude, *, provider: str, confidence: float, at_ms: int) -> TranscriptEvent:
    """The event for a concluded turn; below `confidence` (0..1) its words count as not heard."""
    heard = turn.heard
    reason = _doubt(heard, confidence)
    if heard is None or reason:
        return UtteranceMisheard(
            at_ms=at_ms,
            utterance=turn.utterance,
            reason=reason or "provider_failed",
            speech_ended_ms=turn.ended_ms,
            provider=provider,
        )
    return TranscriptFinalized(
        at_ms=at_ms,
        utterance=turn.utterance,
        text=heard.text,
        confidence=heard.confidence,
        speech_ended_ms=turn.ended_ms,
        provider=provider,
        language=heard.language,
    )


def _doubt(
    heard: Heard | None, confidence: float
) -> Literal["nothing", "unsure", "provider_failed"] | None:
    if heard is None:
        return "provider_failed"
    if not heard.text.strip():
        return "nothing"
    return "unsure" if heard.confidence < confidence else None
