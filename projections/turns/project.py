"""call events -> table turns -> page calls"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, get_args

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
from projections.turn_rows import ReplyTurn, Transcribed
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
    add = _ADD.get(type(event))
    if add is not None:
        add(rows, row, event)


def _take(rows: Rows, row: TurnRow, event: TurnTaken) -> None:
    row.utterance = event.utterance
    row.said, row.intent, row.kind = event.text, event.intent, event.kind
    row.slots, row.confidence = event.slots, event.confidence


def _mishear(rows: Rows, row: TurnRow, event: TurnMisheard) -> None:
    row.utterance = event.utterance
    row.kind, row.failures = "misheard", event.failures


def _find(rows: Rows, row: TurnRow, event: PassagesFound) -> None:
    row.top_score = event.passages[0].score if event.passages else None


def _answer_from(rows: Rows, row: TurnRow, event: PassagesTaken) -> None:
    row.sources = list(event.sources)


def _begin(rows: Rows, row: TurnRow | None, event: ReplyBegun) -> None:
    if row is not None:
        row.reply_kind = row.reply_kind or event.kind
        row.replies += 1


def _write(rows: Rows, row: TurnRow | None, event: SentenceWritten) -> None:
    reply = rows.of(WrittenReply, event.reply)
    reply.text = _joined(reply.text, event.text)
    if row is not None and not event.again:
        row.written = _joined(row.written, event.text)


def _run(rows: Rows, row: TurnRow | None, event: ToolCalled) -> None:
    rows.of(TurnRow, event.turn).tools.append(event.tool)


def _hear(rows: Rows, row: TurnRow | None, event: ReplyHeard) -> None:
    turn = of_reply(rows, event.reply, TurnRow)
    if turn is not None:
        written = rows.find(WrittenReply, event.reply)
        turn.heard = _joined(turn.heard, written.text if written else None)


def _interrupt(rows: Rows, row: TurnRow | None, event: ReplyInterrupted) -> None:
    turn = of_reply(rows, event.reply, TurnRow)
    if turn is not None:
        turn.interrupted = turn.interrupted or not event.resumed
        turn.heard = _joined(turn.heard, event.heard)


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


_ADD: Final[dict[type[Any], Callable[[Rows, Any, Any], None]]] = {
    TurnTaken: _take,
    TurnMisheard: _mishear,
    PassagesFound: _find,
    PassagesTaken: _answer_from,
    ReplyBegun: _begin,
    SentenceWritten: _write,
    ToolCalled: _run,
    ReplyHeard: _hear,
    ReplyInterrupted: _interrupt,
}

TURNS: Final = Projection(
    name="turns",
    version=1,
    tables=(Table(name="turns", row=TurnRow, key=3),),
    reads=frozenset(get_args(Read)),
    project=project,
    passing=frozenset((TurnRow, Transcribed, ReplyTurn, WrittenReply)),
)
