"""A turn put together from Deepgram's Results messages.

protocol  https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

import msgspec

from services.stt.provider import Heard


class Alternative(msgspec.Struct):
    transcript: str
    confidence: float | None = None
    languages: list[str] | None = None


class Channel(msgspec.Struct):
    alternatives: list[Alternative]


class Results(msgspec.Struct):
    """The part of a Results message that matters; the SDK checks none of it."""

    channel: Channel
    is_final: bool | None = None  # the words of this stretch of audio will not change
    speech_final: bool | None = None  # the speaker has paused
    from_finalize: bool | None = None  # the answer to Finalize

    @property
    def ends_turn(self) -> bool:
        return bool(self.speech_final or self.from_finalize)


class DeepgramTurn:
    """Words of the present turn: the vendor sends it in stretches, each drafted then final."""

    def __init__(self) -> None:
        self.final_words: list[Alternative] = []
        self.draft = ""
        self._language = ""

    def take(self, results: Results) -> bool:
        """Add a message; True when the turn's text changed."""
        before = self._text()
        best = next(iter(results.channel.alternatives), Alternative(""))
        self._language = next(iter(best.languages or ()), self._language)
        self.draft = "" if results.is_final else best.transcript
        if results.is_final and best.transcript:
            self.final_words.append(best)
        return self._text() != before

    def heard(self, *, final: bool) -> Heard:
        """The turn so far."""
        return Heard(
            text=self._text(), final=final, confidence=self._confidence(), language=self._language
        )

    def _text(self) -> str:
        words = (*(stretch.transcript for stretch in self.final_words), self.draft)
        return " ".join(text for text in words if text)

    def _confidence(self) -> float:
        """Mean of the stretches', weighted by their length; 1.0 where none is given."""
        rated = [(s.confidence, len(s.transcript)) for s in self.final_words if s.confidence]
        letters = sum(length for _, length in rated)
        return sum(rate * length for rate, length in rated) / letters if letters else 1.0
