"""The moments of every turn, gathered from the messages of a log. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from contracts.dialog import ReplyBegun, SentenceWritten, TurnTaken
from contracts.line import PlaybackStarted, SpeechEnded
from contracts.passages import PassagesFailed, PassagesFound
from contracts.recorded import Recorded
from contracts.synthesis import SentenceSynthesized
from contracts.transcript import TranscriptFinalized


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """One turn that was answered. UNIX time in milliseconds; stored: by the server's clock."""

    spoken_ms: float  # the last loud frame came
    noticed_ms: float  # it was seen to be the last one
    ended_ms: float  # speech.ended was stored
    heard_ms: float  # the recogniser had the words
    transcribed_ms: float  # they were stored
    taken_ms: float  # the turn was stored
    found_ms: float = 0.0  # its passages were stored; 0: none were wanted
    written_ms: float  # the reply's first sentence was stored
    began_ms: float  # the voice took it up
    sounded_ms: float  # the voice's first sound was out
    playing_ms: float  # the gateway sent it on
    played_ms: float  # that was stored


class Turns:
    """All turns of a log that is read from front to back."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self.messages = 0
        self.bytes = 0  # as stored, without subjects and headers

    def add(self, recorded: Recorded) -> None:
        """The next message."""
        self.messages += 1
        self.bytes += len(recorded.payload)
        call = self._calls.setdefault(recorded.call, _Call())
        for _, event in recorded.events():
            call.add(event, recorded.stored_ms)

    def whole(self) -> list[Moments]:
        """Those of which every moment is known: not those interrupted in their first sentence."""
        return [turn for call in self._calls.values() for turn in call.whole()]


class _Call:
    """What is known of a call's utterances, turns and replies, each by its number."""

    def __init__(self) -> None:
        self._utterances: dict[int, dict[str, float]] = {}
        self._turns: dict[int, dict[str, float]] = {}  # with the utterance's moments
        self._replies: dict[int, dict[str, float]] = {}  # of the first reply to each turn
        self._replied: dict[int, int] = {}  # turns, by that reply

    def add(self, event: Any, stored_ms: float) -> None:
        match event:
            case SpeechEnded(utterance=utterance):
                known = self._utterances.setdefault(utterance, {})
                known |= {"spoken_ms": event.ended_ms, "noticed_ms": event.at_ms}
                known["ended_ms"] = stored_ms
            case TranscriptFinalized(utterance=utterance):
                known = self._utterances.setdefault(utterance, {})
                known |= {"heard_ms": event.at_ms, "transcribed_ms": stored_ms}
            case TurnTaken(turn=turn, utterance=utterance):
                self._turns[turn] = self._utterances.get(utterance, {}) | {"taken_ms": stored_ms}
            case PassagesFound(turn=turn) | PassagesFailed(turn=turn):
                self._turns.setdefault(turn, {})["found_ms"] = stored_ms
            case ReplyBegun(reply=reply, turn=turn) if turn and turn not in self._replied.values():
                self._replied[reply] = turn
                self._replies[reply] = {}
            case _:
                self._add_of_reply(event, stored_ms)

    def _add_of_reply(self, event: Any, stored_ms: float) -> None:
        known = self._replies.get(getattr(event, "reply", 0))
        if known is None:
            return
        match event:
            case SentenceWritten(sentence=1):
                known["written_ms"] = stored_ms
            case SentenceSynthesized(sentence=1):
                known["began_ms"] = event.at_ms - event.took_ms
                known["sounded_ms"] = known["began_ms"] + event.first_audio_ms
            case PlaybackStarted():
                known |= {"playing_ms": event.at_ms, "played_ms": stored_ms}
            case _:
                pass

    def whole(self) -> Iterator[Moments]:
        for reply, turn in self._replied.items():
            known = self._turns.get(turn, {}) | self._replies[reply]
            if _NEEDED <= known.keys():
                yield Moments(**known)


_NEEDED = {field.name for field in msgspec.structs.fields(Moments) if field.required}
