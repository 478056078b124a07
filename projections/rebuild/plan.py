"""What a rebuild is to do, as the database keeps it: a rebuild that was killed goes on there."""

import os
from collections.abc import Sequence
from importlib.resources import files
from typing import Final, NamedTuple

from infra.postgres import Connection, Pool
from projections.generations import Generation
from projections.projection import Projection
from projections.reading import Extent, Place
from projections.rebuild.indexes import take_indexes
from projections.schema import forget, lock, make, next_generation, vacuum_none

CHUNK: Final = 32_000  # messages, at most
ANEW: Final = 1 << 62  # a sequence behind all: the call is made anew at the end
LATER_ON_DISK: Final = "SET LOCAL synchronous_commit = off"
"""For steps that are noted in the same transaction: what a crash of the server takes back of one,
it takes back of its note as well. The last transaction, which shows the tables, waits."""

_LEASE: Final = 0x72656275696C64  # "rebuild"
# A call that one chunk saw whole has no row of that chunk: all before the next one is stored.
_LATE: Final = """
    SELECT tenant, call, coalesce(
        max(last) FILTER (WHERE begun),
        min(CASE WHEN last = $2 THEN 1 ELSE chunk::bigint END) - 1
    ) AS seen
    FROM rebuild_crossings WHERE rebuild = $1 GROUP BY tenant, call
    HAVING max(last) > coalesce(max(last) FILTER (WHERE begun), 0)
"""


class AlreadyRebuilding(Exception):
    """Another process rebuilds just now. Wait for it, or stop it: what it has done is kept."""


class Chunk(NamedTuple):
    """A piece of the log, both ends included: the calls that begin in it."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """What it is called in rebuild_chunks."""
        return str(self.first)


class Plan(NamedTuple):
    """A rebuild."""

    id: int
    generations: tuple[Generation, ...]
    first: int  # stream sequences: what the log held when it was begun
    last: int
    chunk: int  # messages
    indexes: tuple[str, ...]
    filled: bool

    @property
    def chunks(self) -> list[Chunk]:
        """All of it."""
        starts = range(self.first, self.last + 1, self.chunk)
        return [Chunk(start, min(start + self.chunk - 1, self.last)) for start in starts]


async def hold_lease(db: Connection) -> None:
    """While this connection lasts nobody else rebuilds. Raises AlreadyRebuilding."""
    if not await db.fetchval("SELECT pg_try_advisory_lock($1)", _LEASE):
        raise AlreadyRebuilding("another process rebuilds just now: wait for it, or stop it first")


def is_long(log: Extent) -> bool:
    """Whether it takes more than a chunk."""
    return log.last - max(log.first, 1) >= CHUNK


async def begun(pool: Pool, projections: Sequence[Projection], extent: Extent) -> Plan:
    """The plan: the one that was under way for these very projections, or a new one."""
    async with pool.acquire() as db, db.transaction():
        await lock(db)
        generations = [await next_generation(db, each) for each in projections]
        await db.execute(files("projections.rebuild").joinpath("tables.sql").read_text("utf-8"))
        if (plan := await _under_way(db, projections)) is not None:
            return plan
        await _abandon(db, [each.name for each in projections])
        for generation in generations:
            await make(db, generation)
            await vacuum_none(db, generation)
        indexes = [i for each in generations for i in await take_indexes(db, each.schema)]
        return await _insert(db, generations, extent, indexes)


async def done_chunks(pool: Pool, plan: Plan) -> dict[str, int]:
    """The chunks that are stored, with their events."""
    rows = await pool.fetch("SELECT chunk, events FROM rebuild_chunks WHERE rebuild = $1", plan.id)
    return {row["chunk"]: row["events"] for row in rows}


class LateCall(NamedTuple):
    """A call that goes on behind what the chunk it begins in saw, or that begins without a ring."""

    place: Place
    seen: int  # stream sequence up to which its messages are stored as rows


async def late_calls(pool: Pool, plan: Plan) -> list[LateCall]:
    """Those whose rows are not whole when all chunks are stored."""
    return [
        LateCall(Place(row["tenant"], row["call"]), row["seen"])
        for row in await pool.fetch(_LATE, plan.id, ANEW)
    ]


async def _under_way(db: Connection, projections: Sequence[Projection]) -> Plan | None:
    row = await db.fetchrow(
        "SELECT * FROM rebuilds WHERE names = $1 AND versions = $2",
        [each.name for each in projections],
        [each.version for each in projections],
    )
    if row is None:
        return None
    numbers = zip(projections, row["numbers"], strict=True)
    return Plan(
        row["id"],
        tuple(Generation(projection, number, "filling") for projection, number in numbers),
        *(row["first"], row["last"], row["chunk"], tuple(row["indexes"]), row["filled"]),
    )


async def _abandon(db: Connection, names: list[str]) -> None:
    """Drop what an older rebuild of any of these has left half done."""
    await db.execute("DELETE FROM rebuilds WHERE names && $1", names)
    left = await db.fetch(
        "SELECT name, generation FROM projection_positions"
        " WHERE name = ANY($1) AND state = 'filling'",
        names,
    )
    for row in left:
        await forget(db, row["name"], row["generation"])


async def _insert(
    db: Connection, generations: Sequence[Generation], extent: Extent, indexes: list[str]
) -> Plan:
    first = max(extent.first, 1)
    chunk = _evenly(extent.last - first + 1)
    id = await db.fetchval(
        "INSERT INTO rebuilds (names, versions, numbers, first, last, chunk, indexes)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        [each.name for each in generations],
        [each.projection.version for each in generations],
        [each.number for each in generations],
        *(first, extent.last, chunk, indexes),
    )
    return Plan(id, tuple(generations), first, extent.last, chunk, tuple(indexes), False)


def _evenly(messages: int) -> int:
    """So many in a chunk that each core gets as many chunks, where there are several."""
    cores = os.cpu_count() or 1
    chunks = -(-messages // CHUNK)
    return -(-messages // (-(-chunks // cores) * cores)) if chunks > 1 else CHUNK
