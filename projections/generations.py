"""Generations of a projection's tables: each in a schema of its own, one of them the live one."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec

from infra.postgres import Connection
from projections.projection import Projection, Table

State = Literal["filling", "live", "kept"]

_OF: Final = (
    "SELECT name, generation, version, position, state FROM projection_positions"
    " WHERE name = $1 ORDER BY generation"
)
_ADVANCE: Final = """
    WITH held AS (
        SELECT name, generation FROM projection_positions
        JOIN unnest($1::text[], $2::int[], $5::text[]) AS wanted (projection, number, meant)
            ON name = projection AND generation = number AND state = meant
        WHERE position = $3 ORDER BY name FOR UPDATE OF projection_positions
    )
    UPDATE projection_positions AS p
    SET position = $4, stored_at = $6, updated_at = clock_timestamp()
    FROM held WHERE p.name = held.name AND p.generation = held.generation
        AND (SELECT count(*) FROM held) = cardinality($1)
"""
_POSITIONS: Final = """
    SELECT name, position FROM projection_positions
    JOIN unnest($1::text[], $2::int[], $3::int[], $4::text[])
        AS wanted (projection, number, meaning, meant)
        ON name = projection AND generation = number AND version = meaning AND state = meant
"""


class Superseded(Exception):
    """Another generation, or another version of the program, has taken over the tables."""


class Move(NamedTuple):
    """From one position to another."""

    old: int  # stream sequences
    new: int
    stored_at: datetime  # when the server stored the message at the new one, by its clock


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


async def positions_of(db: Connection, generations: Sequence[Generation]) -> dict[str, int]:
    """Of each, at one moment: stream sequence of the last message taken in, 0: none.

    Raises: Superseded when one of them is not there any more, or is not what it was.
    """
    rows = await db.fetch(
        _POSITIONS,
        [each.name for each in generations],
        [each.number for each in generations],
        [each.projection.version for each in generations],
        [each.state for each in generations],
    )
    if len(rows) < len(generations):
        raise Superseded(", ".join(each.name for each in generations))
    return {row["name"]: row["position"] for row in rows}


async def advance(db: Connection, generations: Sequence[Generation], move: Move) -> bool:
    """Replace the position of all of them.

    False, and nothing is changed: one of them is not there any more, or is not what it was.

    Until the transaction ends nobody else can advance.
    """
    names, numbers = [each.name for each in generations], [each.number for each in generations]
    states = [each.state for each in generations]
    done = await db.execute(_ADVANCE, names, numbers, move.old, move.new, states, move.stored_at)
    return done == f"UPDATE {len(generations)}"
