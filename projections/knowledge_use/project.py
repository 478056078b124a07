"""call events -> tables knowledge_use and knowledge_questions"""

from typing import Final, TypeAlias, get_args

from contracts.dialog import PassagesTaken, PassagesWanted, ReplyBegun, TransferRequested
from contracts.passages import PassagesFailed, PassagesFound
from contracts.recorded import Recorded
from projections.folding import Rows
from projections.knowledge_use.rows import PassageRow, QuestionRow
from projections.moments import moment
from projections.projection import Projection, Table

Read: TypeAlias = (
    PassagesWanted | PassagesFound | PassagesFailed | PassagesTaken | ReplyBegun | TransferRequested
)


def project(rows: Rows, recorded: Recorded, index: int, event: Read) -> None:
    """What the knowledge was asked, what it had, and what was made of it. Pure."""
    match event:
        case ReplyBegun():
            _reply(rows, event)
        case PassagesWanted():
            _ask(rows.of(QuestionRow, event.turn), event)
        case PassagesFound():
            _find(rows, event)
        case PassagesFailed():
            rows.of(QuestionRow, event.turn).failure = event.kind
        case PassagesTaken():
            _take(rows, event)
        case TransferRequested():
            for question in list(rows.all(QuestionRow)):
                rows.of(QuestionRow, question.turn).transferred_after = True


def _ask(row: QuestionRow, event: PassagesWanted) -> None:
    row.question, row.asked_at = event.question, moment(event.at_ms)
    row.agent, row.revision = event.agent.agent, event.agent.revision


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
    if event.kind != "bridge" and rows.find(QuestionRow, event.turn):
        row = rows.of(QuestionRow, event.turn)
        row.reply_kind = row.reply_kind or event.kind


KNOWLEDGE_USE: Final = Projection(
    name="knowledge_use",
    version=1,
    tables=(
        Table(name="knowledge_use", row=PassageRow, key=4),
        Table(name="knowledge_questions", row=QuestionRow, key=3),
    ),
    reads=frozenset(get_args(Read)),
    project=project,
    passing=frozenset((PassageRow, QuestionRow)),
)
