"""Questions to the table tool_runs."""

from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class ToolRun(msgspec.Struct, frozen=True, kw_only=True):
    """A row of tool_runs: the columns' comments give meaning, unit and source of each field."""

    invocation: str
    turn: int | None
    tool: str
    arguments: dict[str, Any] | None
    runs: int
    ok: bool | None  # None: it has not returned
    result: dict[str, Any] | None
    called_at: datetime | None
    returned_at: datetime | None
    took_ms: float | None


_OF_CALL: Final = (
    f"SELECT {columns(ToolRun)} FROM tool_runs WHERE tenant = $1 AND call = $2"
    " ORDER BY called_at, invocation"
)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[ToolRun, ...]:
    """The call's tool runs, oldest first."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), ToolRun)
