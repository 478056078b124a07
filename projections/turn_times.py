"""The moments of a turn between the caller's last word and the agent's first, as events tell them.

The tables turns and latency both keep them, so that their figures are the same.
"""

from datetime import datetime
from typing import TypeAlias, TypeVar

import msgspec

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
from projections.moments import moment

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
_OfTurn: TypeAlias = (
    TurnTaken | TurnMisheard | PassagesWanted | PassagesFound | PassagesFailed | PassagesTaken
)
_OfReply: TypeAlias = SentenceWritten | SentenceSynthesized | PlaybackStarted


class TurnTimes(msgspec.Struct):
    """Comments are those of the table turns."""

    tenant: str
    call: str
    turn: int
    reply: int | None = None  # the first
    speech_ended_at: datetime | None = None
    transcribed_at: datetime | None = None
    taken_at: datetime | None = None
    passages_wanted_at: datetime | None = None
    passages_found_at: datetime | None = None
    passages_taken_at: datetime | None = None
    first_sentence_at: datetime | None = None
    playback_started_at: datetime | None = None
    tts_ms: float | None = None


class Transcribed(msgspec.Struct):
    """A note: when an utterance became text, which is known before its turn is."""

    tenant: str
    call: str
    utterance: int
    at: datetime | None = None
    provider: str = ""


class ReplyTurn(msgspec.Struct):
    """A note: the turn a reply belongs to. Most events of a reply name only the reply."""

    tenant: str
    call: str
    reply: int
    turn: int | None = None


Turn = TypeVar("Turn", bound=TurnTimes)


def keep_times(rows: Rows, recorded: Recorded, event: CallEvent, turns: type[Turn]) -> Turn | None:
    """Put the event's times into the row of its turn. None: it tells nothing about a turn's row."""
    stored = moment(recorded.stored_ms)
    if isinstance(event, SentenceWritten | SentenceSynthesized | PlaybackStarted):
        found = of_reply(rows, event.reply, turns)
        if found is not None:
            _keep_of_reply(found, event, stored)
        return found
    if isinstance(event, TranscriptFinalized | UtteranceMisheard):
        note = rows.of(Transcribed, event.utterance)
        note.at, note.provider = stored, event.provider
    elif isinstance(event, ReplyBegun):
        return _begin(rows, event, turns)
    elif isinstance(event, _OfTurn):
        row = rows.of(turns, event.turn)
        _keep_of_turn(rows, row, event, stored)
        return row
    return None


def of_reply(rows: Rows, reply: int, turns: type[Turn]) -> Turn | None:
    """The row of the turn that a reply belongs to, to be changed. None: there is none."""
    note = rows.find(ReplyTurn, reply)
    if note is None or note.turn is None or rows.find(turns, note.turn) is None:
        return None
    return rows.of(turns, note.turn)


def _begin(rows: Rows, event: ReplyBegun, turns: type[Turn]) -> Turn | None:
    rows.of(ReplyTurn, event.reply).turn = event.turn
    if event.resumes or event.kind == "bridge":  # the answer is the one begun before
        return None
    row = rows.of(turns, event.turn)
    row.reply = row.reply or event.reply
    return row


def _keep_of_turn(rows: Rows, row: TurnTimes, event: _OfTurn, stored: datetime) -> None:
    match event:
        case TurnTaken() | TurnMisheard():
            ended_ms = event.speech_ended_ms  # 0: keys, no speech
            row.speech_ended_at = moment(ended_ms) if ended_ms else None
            row.taken_at = stored
            if note := rows.find(Transcribed, event.utterance):
                row.transcribed_at = note.at
        case PassagesWanted():
            row.passages_wanted_at = stored
        case PassagesFound() | PassagesFailed():
            row.passages_found_at = stored
        case PassagesTaken():
            row.passages_taken_at = stored


def _keep_of_reply(row: TurnTimes, event: _OfReply, stored: datetime) -> None:
    match event:
        case SentenceWritten(again=False):
            row.first_sentence_at = row.first_sentence_at or stored
        case SentenceSynthesized(sentence=1, reply=reply) if reply == row.reply:
            row.tts_ms = event.first_audio_ms
        case PlaybackStarted():
            row.playback_started_at = row.playback_started_at or moment(event.at_ms)
        case _:
            pass
