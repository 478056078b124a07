"""Questions to the table calls."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A row of calls: the columns' comments give meaning, unit and source of each field."""

    tenant: str
    call: str
    state: str  # ringing, live, ended
    carrier: str | None
    carrier_call: str | None
    direction: str | None
    caller: str | None
    called: str | None
    agent: str | None
    revision: int | None
    language: str | None
    languages: tuple[str, ...]
    rang_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    end_reason: str | None
    phase: str | None
    turns: int
    misheard: int
    replies: int
    interruptions: int
    tool_runs: int
    transferred_to: str | None
    carrier_status: str | None
    frames: int | None
    late_frames: int | None
    outcome: str | None
    summary: str | None


_LIST: Final = (
    f"SELECT {columns(Call)} FROM calls WHERE tenant = $1"
    " ORDER BY rang_at DESC NULLS LAST, call DESC LIMIT $2"
)
_SHOW: Final = f"SELECT {columns(Call)} FROM calls WHERE tenant = $1 AND call = $2"


async def list(pool: Pool, tenant: TenantId, limit: int = 20) -> tuple[Call, ...]:
    """The newest calls, the last to ring first."""
    return as_structs(await pool.fetch(_LIST, tenant, limit), Call)


async def show(pool: Pool, tenant: TenantId, call: CallId) -> Call | None:
    """One call. None: not known (yet)."""
    found = as_structs(await pool.fetch(_SHOW, tenant, call), Call)
    return found[0] if found else None
