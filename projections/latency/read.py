"""Questions to the table latency."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class TurnStage(msgspec.Struct, frozen=True, kw_only=True):
    """A row of latency: the columns' comments give meaning, unit and source of each field."""

    turn: int
    stage: str
    place: int
    is_part: bool
    reply: int | None
    provider: str | None
    cached: bool | None
    started_at: datetime
    started_clock: str
    ended_at: datetime
    ended_clock: str
    ms: float


class StageFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How long a stage took, over the turns of a time. Milliseconds."""

    stage: str
    turns: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


_OF_CALL: Final = (
    f"SELECT {columns(TurnStage)} FROM latency WHERE tenant = $1 AND call = $2 ORDER BY turn, place"
)
_SINCE: Final = (
    "SELECT stage, count(*) AS turns,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50_ms,"
    " percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95_ms,"
    " percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99_ms"
    " FROM latency WHERE tenant = $1 AND started_at >= $2 GROUP BY stage, place ORDER BY place"
)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[TurnStage, ...]:
    """The call's stages, turn by turn, each turn's in their order."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), TurnStage)


async def since(pool: Pool, tenant: TenantId, start: datetime) -> tuple[StageFigures, ...]:
    """Each stage over all turns since `start`, in the order of the stages."""
    return as_structs(await pool.fetch(_SINCE, tenant, start), StageFigures)
