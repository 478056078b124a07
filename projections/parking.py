"""Calls a projection has stopped following, because it could not take one of their messages."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from infra.postgres import Connection, Pool
from projections.projection import Projection
from projections.reading import Place
from projections.rows import as_structs, columns

_PARK: Final = (
    "INSERT INTO parked (projection, tenant, call, sequence, error) VALUES ($1, $2, $3, $4, $5)"
)
_SKIP: Final = (
    "UPDATE parked SET skipped = skipped + $4 WHERE projection = $1 AND tenant = $2 AND call = $3"
)


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """One call that one projection does not follow any more."""

    projection: str
    tenant: str
    call: str
    sequence: int  # stream sequence of the message it could not take
    error: str  # its kind
    skipped: int  # later messages left out because of it
    at: datetime


async def parked_calls(
    db: Connection, projection: Projection, places: Iterable[Place]
) -> set[Place]:
    """Those of `places` that are parked."""
    rows = await db.fetch(
        "SELECT tenant, call FROM parked WHERE projection = $1 AND call = ANY($2)",
        projection.name,
        list({place.call for place in places}),
    )
    return {Place(row["tenant"], row["call"]) for row in rows}


async def park(
    db: Connection, projection: Projection, place: Place, sequence: int, error: str
) -> None:
    """Stop following the call from this message on."""
    await db.execute(_PARK, projection.name, place.tenant, place.call, sequence, error)


async def skip(db: Connection, projection: Projection, place: Place, messages: int) -> None:
    """Count messages of a parked call that were left out."""
    await db.execute(_SKIP, projection.name, place.tenant, place.call, messages)


async def all_parked(pool: Pool) -> tuple[Parked, ...]:
    """What is parked in all projections, oldest first."""
    rows = await pool.fetch(f"SELECT {columns(Parked)} FROM parked ORDER BY at, projection")
    return as_structs(rows, Parked)
