"""Questions to the table interruptions."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Interruption(msgspec.Struct, frozen=True, kw_only=True):
    """A row of interruptions: the columns' comments give meaning, unit and source of each field."""

    reply: int
    turn: int | None
    kind: str | None
    cause: str
    by_caller: bool
    at: datetime
    sentence: int
    sentences: int
    played_ms: int
    heard: str
    resumed: bool
    utterance: int | None
    spoke_at: datetime | None
    cut_at: datetime | None
    stop_ms: float | None
    next_turn: int | None
    next_kind: str | None
    next_said: str | None


_OF_CALL: Final = (
    f"SELECT {columns(Interruption)} FROM interruptions WHERE tenant = $1 AND call = $2"
    " ORDER BY reply"
)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Interruption, ...]:
    """The call's replies that were given up, in order."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Interruption)
