"""call events -> tables knowledge_use and knowledge_questions"""

from collections.abc import Callable
from typing import Any, Final

from contracts.dialog import PassagesTaken, PassagesWanted, ReplyBegun, TransferRequested
from contracts.passages import PassagesFailed, PassagesFound
from contracts.recorded import CallEvent, Recorded
from projections.folding import Rows
from projections.knowledge_use.rows import PassageRow, QuestionRow
from projections.moments import moment
from projections.projection import Projection, Table


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """What the knowledge was asked, what it had, and what was made of it. Pure."""
    _TELL[type(event)](rows, event)


def _ask(rows: Rows, event: PassagesWanted) -> None:
    row = rows.of(QuestionRow, event.turn)
    row.question, row.asked_at = event.question, moment(event.at_ms)
    row.agent, row.revision = event.agent.agent, event.agent.revision


def _fail(rows: Rows, event: PassagesFailed) -> None:
    rows.of(QuestionRow, event.turn).failure = event.kind


def _find(rows: Rows, event: PassagesFound) -> None:
    row = rows.of(QuestionRow, event.turn)
    if row.found is not None:  # answered twice: the first answer is the one that was taken
        return
    row.found, row.took_ms = len(event.passages), event.took_ms
    if event.passages:
        row.top_score, row.top_document = event.passages[0].score, event.passages[0].document
    for rank, passage in enumerate(event.passages, start=1):
        found = rows.of(PassageRow, event.turn, rank)
        found.document, found.chunk = passage.document, passage.chunk
        found.title, found.score = passage.title, passage.score
        found.found_at = moment(event.at_ms)


def _take(rows: Rows, event: PassagesTaken) -> None:
    row = rows.of(QuestionRow, event.turn)
    row.used, row.late = len(event.sources), event.late
    for rank in range(1, (row.found or 0) + 1):
        passage = rows.of(PassageRow, event.turn, rank)
        passage.used = f"{passage.document}#{passage.chunk}" in event.sources


def _reply(rows: Rows, event: ReplyBegun) -> None:
    """A bridge says only that the line is back."""
    if event.kind != "bridge" and (row := rows.known(QuestionRow, event.turn)):
        row.reply_kind = row.reply_kind or event.kind


def _transfer(rows: Rows, event: TransferRequested) -> None:
    for question in list(rows.all(QuestionRow)):
        rows.of(QuestionRow, question.turn).transferred_after = True


_TELL: Final[dict[type[Any], Callable[[Rows, Any], None]]] = {
    PassagesWanted: _ask,
    PassagesFound: _find,
    PassagesFailed: _fail,
    PassagesTaken: _take,
    ReplyBegun: _reply,
    TransferRequested: _transfer,
}

KNOWLEDGE_USE: Final = Projection(
    name="knowledge_use",
    version=1,
    tables=(
        Table(name="knowledge_use", row=PassageRow, key=4),
        Table(name="knowledge_questions", row=QuestionRow, key=3),
    ),
    reads=frozenset(_TELL),
    project=project,
    passing=frozenset((PassageRow, QuestionRow)),
)
