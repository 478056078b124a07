"""Rows of agents and the position they bring the table to, in one transaction."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

import msgspec

from infra.postgres import Connection, Pool
from projections.agents.rows import RevisionRow
from projections.schema import lock
from projections.storing import clean

VERSION: Final = 1  # raise it when a row's meaning changes: the table is then made anew

_COLUMNS: Final = RevisionRow.__struct_fields__
_STORE: Final = (
    f"INSERT INTO agents ({', '.join(_COLUMNS)})"
    f" VALUES ({', '.join(f'${n}' for n in range(1, len(_COLUMNS) + 1))})"
    " ON CONFLICT (tenant, agent, revision) DO NOTHING"  # a revision never changes
)
_ADVANCE: Final = "UPDATE agents_position SET position = $3 WHERE position = $2 AND version = $1"


class Overtaken(Exception):
    """Another process has stored what comes behind this position."""


class LaterVersion(Exception):
    """The table is kept by a later version of the program."""


async def prepare(pool: Pool) -> None:
    """Make the table where there is none, and empty one of an older version, to be filled anew.

    Raises LaterVersion.
    """
    async with pool.acquire() as db, db.transaction():
        await lock(db)
        await make_table(db)
        version = await db.fetchval("SELECT version FROM agents_position")
        if version is not None and version > VERSION:
            raise LaterVersion
        if version != VERSION:
            await db.execute("TRUNCATE agents, agents_position")
            await db.execute(
                "INSERT INTO agents_position (version, position) VALUES ($1, 0)", VERSION
            )


async def make_table(db: Connection) -> None:
    """Make the table where there is none. In a transaction and under a lock of the caller's.

    Whoever makes it: one that was dropped is filled from the log's beginning.
    """
    was_there = await db.fetchval("SELECT to_regclass('public.agents') IS NOT NULL")
    definition = files("projections.agents").joinpath("table.sql").read_text("utf-8")
    await db.execute(definition)
    if not was_there:
        await db.execute("UPDATE agents_position SET position = 0")


async def position_of(pool: Pool) -> int:
    """Sequence in the stream AGENTS of the last message taken in, 0: none. Raises LaterVersion."""
    position: int | None = await pool.fetchval(
        "SELECT position FROM agents_position WHERE version = $1", VERSION
    )
    if position is None:
        raise LaterVersion
    return position


async def store(pool: Pool, rows: Iterable[RevisionRow], *, after: int, last: int) -> None:
    """All rows and the new position, or nothing of it. Raises Overtaken."""
    async with pool.acquire() as db, db.transaction():
        if await db.execute(_ADVANCE, VERSION, after, last) != "UPDATE 1":
            raise Overtaken
        for row in rows:
            await db.execute(_STORE, *(clean(value) for value in msgspec.structs.astuple(row)))
