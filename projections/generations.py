"""Generations of a projection's tables: each in a schema of its own, one of them the live one."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final, Literal

import msgspec

from infra.postgres import Connection
from projections.projection import Projection, Table

State = Literal["filling", "live", "kept"]

_OF: Final = (
    "SELECT name, generation, version, position, state FROM projection_positions"
    " WHERE name = $1 ORDER BY generation"
)
_ADVANCE: Final = (
    "UPDATE projection_positions SET position = $4, updated_at = clock_timestamp()"
    " FROM unnest($1::text[], $2::int[], $5::text[]) AS wanted (projection, number, meant)"
    " WHERE name = projection AND generation = number AND state = meant AND position = $3"
)
_POSITION: Final = (
    "SELECT position FROM projection_positions"
    " WHERE name = $1 AND generation = $2 AND version = $3 AND state = $4"
)


class Superseded(Exception):
    """Another generation, or another version of the program, has taken over the tables."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A row of projection_positions."""

    name: str
    generation: int
    version: int
    position: int  # stream sequence of the last message taken in; 0: none
    state: State


class Generation(msgspec.Struct, frozen=True, dict=True):
    """One projection and the tables that hold it."""

    projection: Projection
    number: int  # starts at 1
    state: State = "live"

    @property
    def name(self) -> str:
        """The projection's."""
        return self.projection.name

    @property
    def schema(self) -> str:
        """Where its tables are."""
        return f"{self.name}_{self.number}"

    @cached_property
    def upserts(self) -> dict[type[msgspec.Struct], str]:
        """The statement that stores a row as it is, by the row's type."""
        return {table.row: _upsert(self.schema, table) for table in self.projection.tables}


def _upsert(schema: str, table: Table) -> str:
    columns = table.row.__struct_fields__
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    key = ", ".join(columns[: table.key])
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns[table.key :])
    done = f"UPDATE SET {changes}" if changes else "NOTHING"
    return (
        f"INSERT INTO {schema}.{table.name} ({', '.join(columns)}) VALUES ({places})"
        f" ON CONFLICT ({key}) DO {done}"
    )


async def standings(db: Connection, name: str) -> list[Standing]:
    """All generations of a projection, the oldest first."""
    return [msgspec.convert(dict(row), Standing) for row in await db.fetch(_OF, name)]


async def position_of(db: Connection, generation: Generation) -> int:
    """Stream sequence of the last message taken in, 0: none. Raises Superseded."""
    position: int | None = await db.fetchval(
        _POSITION,
        *(generation.name, generation.number, generation.projection.version, generation.state),
    )
    if position is None:
        raise Superseded(generation.name)
    return position


async def advance(db: Connection, generations: Sequence[Generation], old: int, new: int) -> bool:
    """Replace the position `old` of all of them by `new`. False when one is not there any more,
    or is not the live one any more.

    Until the transaction ends nobody else can advance.
    """
    names, numbers = [each.name for each in generations], [each.number for each in generations]
    states = [each.state for each in generations]
    done = await db.execute(_ADVANCE, names, numbers, old, new, states)
    return done == f"UPDATE {len(generations)}"
