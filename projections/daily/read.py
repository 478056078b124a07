"""Questions to the table daily."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import TenantId
from infra.postgres import Pool
from projections.rows import as_structs


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's hour: the columns' comments of daily give meaning and source of each sum."""

    hour: datetime  # its begin, UTC
    agent: str
    calls: int
    answered: int
    ended: int
    duration_ms: int
    turns: int
    misheard: int
    replies: int
    fallbacks: int
    interruptions: int
    barge_ins: int
    wait_ms: int
    waits: int
    questions: int
    unanswered_questions: int
    tool_runs: int
    tool_failures: int
    transfers: int
    line_losses: int
    tokens_in: int
    tokens_out: int


_SUMS: Final = ", ".join(f"sum({name})::bigint AS {name}" for name in Hour.__struct_fields__[2:])
_HOURS: Final = (
    f"SELECT hour, agent, {_SUMS} FROM daily WHERE tenant = $1 AND hour >= $2 AND hour < $3"
    " GROUP BY hour, agent ORDER BY hour, agent"
)


async def hours(pool: Pool, tenant: TenantId, since: datetime, until: datetime) -> tuple[Hour, ...]:
    """The hours that begin from `since` to before `until`, by agent; none without a call."""
    return as_structs(await pool.fetch(_HOURS, tenant, since, until), Hour)
