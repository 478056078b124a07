"""How much of the agent's sentences reached the caller. Told by numbers, never by the words."""

from contracts.dialog import CallerLost, ReplyHeard, ReplyInterrupted
from contracts.line import SentencePlayed
from projections.folding import Rows
from projections.past import Key
from projections.transcripts.rows import ReplyPlaces, TranscriptRow


def hear(
    rows: Rows,
    place: Key,
    event: SentencePlayed | ReplyHeard | ReplyInterrupted | CallerLost,
) -> None:
    """What the event says about the sentences of its reply."""
    reply = rows.find(ReplyPlaces, event.reply)
    if reply is None:
        return
    match event:
        case SentencePlayed():
            _whole(rows, reply, event.sentence)
        case ReplyHeard():
            _whole(rows, reply, max(reply.rows, default=0))
        case CallerLost():
            reply.confirmed = event.sentences
        case ReplyInterrupted():
            _cut(rows, reply, event)


def _whole(rows: Rows, reply: ReplyPlaces, last: int) -> None:
    """The sentences up to `last` were heard whole."""
    for sentence, place in reply.rows.items():
        if sentence <= last:
            row = rows.at(TranscriptRow, place)
            row.heard, row.interrupted = "whole", False


def _cut(rows: Rows, reply: ReplyPlaces, event: ReplyInterrupted) -> None:
    """Those before the cut were heard; with no cut known, those confirmed when the line broke."""
    whole = event.sentence - 1 if event.sentence else reply.confirmed
    _whole(rows, reply, whole)
    for sentence, place in reply.rows.items():
        if sentence > whole:
            row = rows.at(TranscriptRow, place)
            is_part = sentence == event.sentence and event.played_ms > 0
            row.heard = "part" if is_part else "none"
            row.interrupted = not event.resumed
