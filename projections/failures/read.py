"""Questions to the table failures."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A row of failures: the columns' comments give meaning and source of each field."""

    sequence: int
    index: int
    at: datetime
    stage: str  # stt, rag, llm, tts, tool, line
    kind: str
    provider: str | None
    tool: str | None
    turn: int | None
    reply: int | None
    in_a_row: int | None
    followed: str | None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How often something went wrong."""

    stage: str
    kind: str
    provider: str | None
    times: int
    calls: int  # in so many calls


_OF_CALL: Final = (
    f"SELECT {columns(Failure)} FROM failures WHERE tenant = $1 AND call = $2"
    " ORDER BY sequence, index"
)
_KINDS: Final = (
    "SELECT stage, kind, provider, count(*) AS times, count(DISTINCT call) AS calls"
    " FROM failures WHERE tenant = $1 AND at >= $2 AND at < $3"
    " GROUP BY stage, kind, provider ORDER BY times DESC, stage, kind, provider"
)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Failure, ...]:
    """A call's failures in the order the log tells of them."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Failure)


async def kinds(pool: Pool, tenant: TenantId, since: datetime, until: datetime) -> tuple[Kind, ...]:
    """What went wrong from `since` to before `until`, the most frequent first."""
    return as_structs(await pool.fetch(_KINDS, tenant, since, until), Kind)
