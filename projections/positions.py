"""How far the projections have read the log."""

from typing import Final

from infra.postgres import Connection
from projections.projection import Projection

_ADVANCE: Final = (
    "UPDATE projection_positions SET position = $4, updated_at = clock_timestamp()"
    " WHERE name = $1 AND version = $2 AND position = $3"
)


class Superseded(Exception):
    """Another version of the projection has taken over its tables."""


async def position_of(db: Connection, projection: Projection) -> int:
    """Stream sequence of the last message taken in, 0: none. Raises Superseded."""
    position: int | None = await db.fetchval(
        "SELECT position FROM projection_positions WHERE name = $1 AND version = $2",
        projection.name,
        projection.version,
    )
    if position is None:
        raise Superseded(projection.name)
    return position


async def advance(db: Connection, projection: Projection, old: int, new: int) -> bool:
    """Replace position `old` by `new`. False when it is not `old`: someone else has advanced.

    Until the transaction ends nobody else can advance.
    """
    done = await db.execute(_ADVANCE, projection.name, projection.version, old, new)
    return done == "UPDATE 1"
