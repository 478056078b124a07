"""Questions to the table timeline."""

from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A row of timeline: the columns' comments give meaning, unit and source of each field."""

    sequence: int
    index: int
    at: datetime
    offset_ms: int  # from the ring
    lane: str
    type: str
    label: str
    detail: dict[str, Any]
    row_ms: float


class EventToRow(msgspec.Struct, frozen=True, kw_only=True):
    """How long the events of a call took from the log to a row. Milliseconds."""

    events: int
    p50: float
    p99: float


_OF_CALL: Final = (
    f"SELECT {columns(Moment)} FROM timeline WHERE tenant = $1 AND call = $2"
    " ORDER BY sequence, index"
)
_EVENT_TO_ROW: Final = (
    "SELECT count(*) AS events, percentile_cont(0.5) WITHIN GROUP (ORDER BY row_ms) AS p50,"
    " percentile_cont(0.99) WITHIN GROUP (ORDER BY row_ms) AS p99"
    " FROM timeline WHERE tenant = $1 AND call = $2 HAVING count(*) > 0"
)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Moment, ...]:
    """The call's events as the log holds them."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Moment)


async def event_to_row(pool: Pool, tenant: TenantId, call: CallId) -> EventToRow | None:
    """None while the call has no rows."""
    found = as_structs(await pool.fetch(_EVENT_TO_ROW, tenant, call), EventToRow)
    return found[0] if found else None
