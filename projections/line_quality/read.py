"""Questions to the table line_quality."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Stint(msgspec.Struct, frozen=True, kw_only=True):
    """A row of line_quality: the columns' comments give meaning, unit and source of each field."""

    stint: int
    gateway: str
    began_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    lost: bool
    planned: bool
    unbroken: bool
    reason: str | None
    reply: int | None
    back_at: datetime | None
    away_ms: int | None
    frames: int | None
    late_frames: int | None
    dropped_messages: int | None


_OF_CALL: Final = (
    f"SELECT {columns(Stint)} FROM line_quality WHERE tenant = $1 AND call = $2 ORDER BY stint"
)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Stint, ...]:
    """The stints of the call's line, in order; none when it was never answered."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Stint)
