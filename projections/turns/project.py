"""call events -> table turns -> page calls"""

from typing import Final, TypeAlias, get_args

import msgspec

from contracts.dialog import (
    PassagesTaken,
    ReplyBegun,
    ReplyHeard,
    ReplyInterrupted,
    SentenceWritten,
    ToolCalled,
    TurnMisheard,
    TurnTaken,
)
from contracts.passages import PassagesFound
from contracts.recorded import Recorded
from projections.folding import Rows
from projections.projection import Projection, Table
from projections.turn_times import Timed, keep_times, of_reply
from projections.turns.rows import TurnRow

Read: TypeAlias = Timed | ReplyHeard | ReplyInterrupted | ToolCalled


class WrittenReply(msgspec.Struct):
    """A note: a reply's own sentences, for when all of it was heard."""

    tenant: str
    call: str
    reply: int
    text: str | None = None


def project(rows: Rows, recorded: Recorded, index: int, event: Read) -> None:
    """What the event adds to its turn's row. Pure."""
    row = keep_times(rows, recorded, event, TurnRow)
    match event:
        case ToolCalled():
            rows.of(TurnRow, event.turn).tools.append(event.tool)
        case ReplyHeard() | ReplyInterrupted():
            _hear(rows, event)
        case SentenceWritten():
            _write(rows, row, event)
        case _ if row is not None:
            _answer(row, event)


def _answer(row: TurnRow, event: Read) -> None:
    match event:
        case TurnTaken() | TurnMisheard():
            _take(row, event)
        case PassagesFound(passages=found):
            row.top_score = found[0].score if found else None
        case PassagesTaken():
            row.sources = list(event.sources)
        case ReplyBegun():
            row.reply_kind = row.reply_kind or event.kind
            row.replies += 1
        case _:
            pass


def _take(row: TurnRow, event: TurnTaken | TurnMisheard) -> None:
    row.utterance = event.utterance
    if isinstance(event, TurnMisheard):
        row.kind, row.failures = "misheard", event.failures
        return
    row.said, row.intent, row.kind = event.text, event.intent, event.kind
    row.slots, row.confidence = event.slots, event.confidence


def _write(rows: Rows, row: TurnRow | None, event: SentenceWritten) -> None:
    reply = rows.of(WrittenReply, event.reply)
    reply.text = _joined(reply.text, event.text)
    if row is not None and not event.again:
        row.written = _joined(row.written, event.text)


def _hear(rows: Rows, event: ReplyHeard | ReplyInterrupted) -> None:
    row = of_reply(rows, event.reply, TurnRow)
    if row is None:
        return
    if isinstance(event, ReplyInterrupted):
        heard: str | None = event.heard
        row.interrupted = row.interrupted or not event.resumed
    else:
        written = rows.find(WrittenReply, event.reply)
        heard = written.text if written else None
    row.heard = _joined(row.heard, heard)


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


TURNS: Final = Projection(
    name="turns",
    version=1,
    tables=(Table(name="turns", row=TurnRow, key=3),),
    reads=frozenset(get_args(Read)),
    project=project,
)
