"""Calls a projection has stopped following, because it could not take one of their messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from infra.postgres import Connection, Pool
from projections.generations import Generation
from projections.reading import Place
from projections.rows import as_structs, columns

_PARK: Final = (
    "INSERT INTO parked (projection, generation, tenant, call, sequence, error)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
)
_SKIP: Final = (
    "UPDATE parked SET skipped = skipped + $5"
    " WHERE projection = $1 AND generation = $2 AND tenant = $3 AND call = $4"
)
_FREE: Final = (
    "DELETE FROM parked WHERE projection = $1 AND generation = $2 AND tenant = $3 AND call = $4"
)


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """One call that one projection does not follow any more."""

    projection: str
    generation: int
    tenant: str
    call: str
    sequence: int  # stream sequence of the message it could not take
    error: str  # its kind
    skipped: int  # later messages left out because of it
    at: datetime


async def parked_calls(
    db: Connection, generations: Sequence[Generation], places: Iterable[Place]
) -> dict[Place, set[str]]:
    """Those of `places` that are parked, with the projections that do not follow them."""
    rows = await db.fetch(
        "SELECT projection, tenant, call FROM parked"
        " JOIN unnest($1::text[], $2::int[]) AS wanted (name, number)"
        " ON projection = name AND generation = number WHERE call = ANY($3)",
        [each.name for each in generations],
        [each.number for each in generations],
        list({place.call for place in places}),
    )
    found: dict[Place, set[str]] = {}
    for row in rows:
        found.setdefault(Place(row["tenant"], row["call"]), set()).add(row["projection"])
    return found


async def park(
    db: Connection, generation: Generation, place: Place, sequence: int, error: str
) -> None:
    """Stop following the call from this message on."""
    await db.execute(_PARK, generation.name, generation.number, *place, sequence, error)


async def skip(db: Connection, generation: Generation, place: Place, messages: int) -> bool:
    """Count messages of a parked call that were left out. False: it is parked no more."""
    done = await db.execute(_SKIP, generation.name, generation.number, *place, messages)
    return done == "UPDATE 1"


async def free(db: Connection, generation: Generation, place: Place) -> None:
    """Follow the call again."""
    await db.execute(_FREE, generation.name, generation.number, *place)


async def all_parked(pool: Pool) -> tuple[Parked, ...]:
    """What is parked in the live tables of all projections, oldest first."""
    rows = await pool.fetch(
        f"SELECT {columns(Parked)} FROM parked WHERE EXISTS (SELECT FROM projection_positions AS p"
        " WHERE p.name = projection AND p.generation = parked.generation AND p.state = 'live')"
        " ORDER BY at, projection"
    )
    return as_structs(rows, Parked)
