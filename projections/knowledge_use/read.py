"""Questions to the tables knowledge_use and knowledge_questions."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class UsedPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A row of knowledge_use: the columns' comments give meaning and source of each field."""

    turn: int
    rank: int
    document: str
    chunk: int
    title: str
    score: float
    used: bool
    found_at: datetime


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A row of knowledge_questions: the columns' comments give meaning, unit and source."""

    call: str
    turn: int
    question: str | None
    agent: str | None
    revision: int | None
    asked_at: datetime | None
    found: int | None
    used: int
    top_score: float | None
    top_document: str | None
    late: bool
    failure: str | None
    took_ms: float | None
    reply_kind: str | None
    transferred_after: bool


_PASSAGES: Final = (
    f"SELECT {columns(UsedPassage)} FROM knowledge_use WHERE tenant = $1 AND call = $2"
    " ORDER BY turn, rank"
)
_OF_CALL: Final = (
    f"SELECT {columns(Question)} FROM knowledge_questions WHERE tenant = $1 AND call = $2"
    " ORDER BY turn"
)
_NOT_COVERED: Final = (
    f"SELECT {columns(Question)} FROM knowledge_questions WHERE tenant = $1 AND found = 0"
    " AND asked_at >= $2 ORDER BY asked_at DESC, call, turn LIMIT $3"
)


async def passages(pool: Pool, tenant: TenantId, call: CallId) -> tuple[UsedPassage, ...]:
    """The passages found in the call, by turn, the best first."""
    return as_structs(await pool.fetch(_PASSAGES, tenant, call), UsedPassage)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Question, ...]:
    """The call's questions to the knowledge, in order."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Question)


async def not_covered(
    pool: Pool, tenant: TenantId, since: datetime, limit: int = 100
) -> tuple[Question, ...]:
    """The questions since then that found nothing, the newest first."""
    return as_structs(await pool.fetch(_NOT_COVERED, tenant, since, limit), Question)
