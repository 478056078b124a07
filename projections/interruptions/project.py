"""call events -> table interruptions"""

from collections.abc import Callable
from typing import Any, Final

from contracts.dialog import (
    CallerLost,
    CallerReturned,
    ReplyBegun,
    ReplyInterrupted,
    SentenceWritten,
    TurnMisheard,
    TurnTaken,
)
from contracts.line import PlaybackCleared, SpeechEnded, SpeechStarted
from contracts.recorded import CallEvent, Recorded
from projections.folding import Rows
from projections.interruptions.causes import cause_of_cut, cause_of_giving_up
from projections.interruptions.rows import CallNote, InterruptionRow, ReplyNote, SpeechNote
from projections.moments import moment
from projections.projection import Projection, Table

_FRAME_MS: Final = 20


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """The row of a reply given up, and what led to it and came after it. Pure."""
    _TELL[type(event)](rows, recorded, event)


def _write(rows: Rows, recorded: Recorded, event: SentenceWritten) -> None:
    rows.of(ReplyNote, event.reply).sentences += 1


def _begin(rows: Rows, recorded: Recorded, event: ReplyBegun) -> None:
    note = rows.of(ReplyNote, event.reply)
    note.turn, note.kind = event.turn, event.kind


def _cut(rows: Rows, recorded: Recorded, event: PlaybackCleared) -> None:
    note = rows.of(ReplyNote, event.reply)
    note.cause, note.cut_at = cause_of_cut(recorded, event), moment(event.at_ms)
    _tell(rows, note)


def _speak(rows: Rows, recorded: Recorded, event: SpeechStarted) -> None:
    if event.over_reply:
        speech = rows.of(SpeechNote, event.utterance)
        speech.reply, speech.first_frame = event.over_reply, event.first_frame
        rows.of(ReplyNote, event.over_reply).utterance = event.utterance


def _fall_silent(rows: Rows, recorded: Recorded, event: SpeechEnded) -> None:
    """When speech began over a reply: known by its end, whose last frame has a time."""
    if begun := rows.find(SpeechNote, event.utterance):
        note = rows.of(ReplyNote, begun.reply)
        frames = event.last_frame - begun.first_frame
        note.spoke_at = moment(event.ended_ms - frames * _FRAME_MS)
        _tell(rows, note)


def _tell(rows: Rows, note: ReplyNote) -> None:
    """What the gateway told about a reply, in its row if there is one."""
    if row := rows.known(InterruptionRow, note.reply):
        row.utterance, row.spoke_at, row.cut_at = note.utterance, note.spoke_at, note.cut_at


def _give_up(rows: Rows, recorded: Recorded, event: ReplyInterrupted) -> None:
    note, call = rows.of(ReplyNote, event.reply), rows.of(CallNote)
    row = rows.of(InterruptionRow, event.reply)
    row.turn, row.kind, row.sentences = note.turn, note.kind, note.sentences
    row.cause = note.cause or cause_of_giving_up(recorded, away=call.away)
    row.at, row.heard, row.resumed = moment(event.at_ms), event.heard, event.resumed
    row.sentence, row.played_ms = event.sentence, event.played_ms
    _tell(rows, note)
    call.open.append(event.reply)


def _go_on(rows: Rows, recorded: Recorded, event: TurnTaken | TurnMisheard) -> None:
    """The next turn of the caller, behind all that was given up since the last one."""
    call = rows.of(CallNote)
    for reply in call.open:
        row = rows.of(InterruptionRow, reply)
        row.next_turn = event.turn
        if isinstance(event, TurnTaken):
            row.next_kind, row.next_said = event.kind, event.text
        else:
            row.next_kind = "misheard"
    call.open.clear()


def _lose(rows: Rows, recorded: Recorded, event: CallerLost) -> None:
    rows.of(CallNote).away = True


def _return(rows: Rows, recorded: Recorded, event: CallerReturned) -> None:
    rows.of(CallNote).away = False


_TELL: Final[dict[type[Any], Callable[[Rows, Recorded, Any], None]]] = {
    ReplyBegun: _begin,
    SentenceWritten: _write,
    PlaybackCleared: _cut,
    SpeechStarted: _speak,
    SpeechEnded: _fall_silent,
    ReplyInterrupted: _give_up,
    TurnTaken: _go_on,
    TurnMisheard: _go_on,
    CallerLost: _lose,
    CallerReturned: _return,
}

INTERRUPTIONS: Final = Projection(
    name="interruptions",
    version=1,
    tables=(Table(name="interruptions", row=InterruptionRow, key=3),),
    reads=frozenset(_TELL),
    project=project,
    passing=frozenset((InterruptionRow, ReplyNote, SpeechNote)),
)
