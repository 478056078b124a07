"""call events -> table transcripts"""

from collections.abc import Callable
from typing import Any, Final

from contracts.dialog import (
    CallerLost,
    CallOpened,
    ReplyBegun,
    ReplyHeard,
    ReplyInterrupted,
    SentenceWritten,
    TurnTaken,
)
from contracts.line import SentencePlayed
from contracts.recorded import CallEvent, Recorded
from contracts.transcript import TranscriptFinalized
from projections.folding import Rows
from projections.moments import moment
from projections.past import Key
from projections.projection import Projection, Table
from projections.transcripts.hearing import hear
from projections.transcripts.rows import ReplyPlaces, Spoken, TranscriptRow, UtterancePlace


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """The row of what was said, and what became of it. Pure."""
    _SAY[type(event)](rows, (recorded.sequence, index), event)


def _open(rows: Rows, place: Key, event: CallOpened) -> None:
    rows.of(Spoken).language = event.language


def _begin(rows: Rows, place: Key, event: ReplyBegun) -> None:
    reply = rows.of(ReplyPlaces, event.reply)
    reply.turn, reply.kind = event.turn, event.kind


def _transcribe(rows: Rows, place: Key, event: TranscriptFinalized) -> None:
    row = _row(rows, place, "caller")
    row.at = moment(event.speech_ended_ms)
    row.text, row.confidence = event.text, event.confidence
    row.language = event.language or row.language
    row.utterance, row.provider = event.utterance, event.provider or None
    rows.of(UtterancePlace, event.utterance).row = place


def _take(rows: Rows, place: Key, event: TurnTaken) -> None:
    """The utterance is a turn. A key was never an utterance: its words begin here."""
    note = rows.find(UtterancePlace, event.utterance)
    if note and note.row:
        row = rows.at(TranscriptRow, note.row)
    else:
        row = _row(rows, place, "caller")
        row.at = moment(event.speech_ended_ms or event.at_ms)
        row.text, row.utterance, row.confidence = event.text, event.utterance, event.confidence
        row.provider = None if event.utterance else "keys"
    row.turn, row.kind = event.turn, event.kind


def _write(rows: Rows, place: Key, event: SentenceWritten) -> None:
    reply = rows.of(ReplyPlaces, event.reply)
    reply.rows[event.sentence] = place
    row = _row(rows, place, "agent")
    row.at, row.text = moment(event.at_ms), event.text
    row.turn, row.kind = reply.turn, reply.kind
    row.reply, row.sentence = event.reply, event.sentence
    row.provider, row.repeated = event.voice.provider, event.again


def _row(rows: Rows, place: Key, speaker: str) -> TranscriptRow:
    row = rows.at(TranscriptRow, place)
    spoken = rows.find(Spoken)
    row.speaker, row.language = speaker, spoken.language if spoken else ""
    return row


_SAY: Final[dict[type[Any], Callable[[Rows, Key, Any], None]]] = {
    CallOpened: _open,
    TranscriptFinalized: _transcribe,
    TurnTaken: _take,
    ReplyBegun: _begin,
    SentenceWritten: _write,
    SentencePlayed: hear,
    ReplyHeard: hear,
    ReplyInterrupted: hear,
    CallerLost: hear,
}

TRANSCRIPTS: Final = Projection(
    name="transcripts",
    version=1,
    tables=(Table(name="transcripts", row=TranscriptRow, key=4),),
    reads=frozenset(_SAY),
    project=project,
    passing=frozenset((TranscriptRow, UtterancePlace, ReplyPlaces)),
)
