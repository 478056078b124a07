"""The moments of a turn between the caller's last word and the agent's first, as events tell them.

The tables turns and latency both keep them, so that their figures are the same.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from contracts.dialog import (
    PassagesTaken,
    PassagesWanted,
    ReplyBegun,
    SentenceWritten,
    TurnMisheard,
    TurnTaken,
)
from contracts.line import PlaybackStarted
from contracts.passages import PassagesFailed, PassagesFound
from contracts.recorded import CallEvent, Recorded
from contracts.synthesis import SentenceSynthesized
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from projections.folding import Rows
from projections.moments import Moment, moment
from projections.turn_rows import ReplyTurn, Transcribed, TurnTimes

Timed: TypeAlias = (
    TranscriptFinalized
    | UtteranceMisheard
    | TurnTaken
    | TurnMisheard
    | PassagesWanted
    | PassagesFound
    | PassagesFailed
    | PassagesTaken
    | ReplyBegun
    | SentenceWritten
    | SentenceSynthesized
    | PlaybackStarted
)


Turn = TypeVar("Turn", bound=TurnTimes)


def keep_times(rows: Rows, recorded: Recorded, event: CallEvent, turns: type[Turn]) -> Turn | None:
    """Put the event's times into the row of its turn. None: it tells nothing about a turn's row."""
    keep = _KEEPERS.get(type(event))
    return keep(rows, event, turns, moment(recorded.stored_ms)) if keep is not None else None


def of_reply(rows: Rows, reply: int, turns: type[Turn]) -> Turn | None:
    """The row of the turn that a reply belongs to, to be changed. None: there is none."""
    note = rows.find(ReplyTurn, reply)
    turn = note.turn if note is not None else None
    return rows.known(turns, turn) if turn is not None else None


def _transcribe(
    rows: Rows, event: TranscriptFinalized | UtteranceMisheard, turns: type[Turn], stored: Moment
) -> None:
    note = rows.of(Transcribed, event.utterance)
    note.at, note.provider = stored, event.provider


def _take(
    rows: Rows, event: TurnTaken | TurnMisheard, turns: type[Turn], stored: Moment
) -> Turn | None:
    row = rows.of(turns, event.turn)
    ended_ms = event.speech_ended_ms  # 0: keys, no speech
    row.speech_ended_at = moment(ended_ms) if ended_ms else None
    row.taken_at = stored
    if note := rows.find(Transcribed, event.utterance):
        row.transcribed_at = note.at
    return row


def _want_passages(
    rows: Rows, event: PassagesWanted, turns: type[Turn], stored: Moment
) -> Turn | None:
    row = rows.of(turns, event.turn)
    row.passages_wanted_at = stored
    return row


def _find_passages(
    rows: Rows, event: PassagesFound | PassagesFailed, turns: type[Turn], stored: Moment
) -> Turn | None:
    row = rows.of(turns, event.turn)
    row.passages_found_at = stored
    return row


def _take_passages(
    rows: Rows, event: PassagesTaken, turns: type[Turn], stored: Moment
) -> Turn | None:
    row = rows.of(turns, event.turn)
    row.passages_taken_at = stored
    return row


def _begin(rows: Rows, event: ReplyBegun, turns: type[Turn], stored: Moment) -> Turn | None:
    rows.of(ReplyTurn, event.reply).turn = event.turn
    if event.resumes or event.kind == "bridge":  # the answer is the one begun before
        return None
    row = rows.of(turns, event.turn)
    row.reply = row.reply or event.reply
    return row


def _write(rows: Rows, event: SentenceWritten, turns: type[Turn], stored: Moment) -> Turn | None:
    row = of_reply(rows, event.reply, turns)
    if row is not None and not event.again:
        row.first_sentence_at = row.first_sentence_at or stored
    return row


def _synthesize(
    rows: Rows, event: SentenceSynthesized, turns: type[Turn], stored: Moment
) -> Turn | None:
    row = of_reply(rows, event.reply, turns)
    if row is not None and event.sentence == 1 and event.reply == row.reply:
        row.tts_ms = event.first_audio_ms
    return row


def _play(rows: Rows, event: PlaybackStarted, turns: type[Turn], stored: Moment) -> Turn | None:
    row = of_reply(rows, event.reply, turns)
    if row is not None:
        row.playback_started_at = row.playback_started_at or moment(event.at_ms)
    return row


_KEEPERS: Final[dict[type[Any], Callable[[Rows, Any, type[Any], Moment], Any]]] = {
    TranscriptFinalized: _transcribe,
    UtteranceMisheard: _transcribe,
    TurnTaken: _take,
    TurnMisheard: _take,
    PassagesWanted: _want_passages,
    PassagesFound: _find_passages,
    PassagesFailed: _find_passages,
    PassagesTaken: _take_passages,
    ReplyBegun: _begin,
    SentenceWritten: _write,
    SentenceSynthesized: _synthesize,
    PlaybackStarted: _play,
}
