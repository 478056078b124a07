"""Indexes are made last, several at a time. One that was made is not made again after a kill."""

import asyncio
from collections.abc import Sequence
from typing import Final

from infra.cancelling import end_tasks
from infra.postgres import Pool
from projections.rebuild.plan import LATER_ON_DISK, Plan

_AT_ONCE: Final = 2
_LONGEST_S: Final = 3600.0
_MEMORY: Final = "SET LOCAL maintenance_work_mem = '192MB'"  # sorts a million rows without a file
_ALONE: Final = "SET LOCAL max_parallel_maintenance_workers = 0"  # the other cores have their own
_BY_SIZE: Final = (
    "SELECT statement FROM unnest($1::text[]) AS statement ORDER BY"
    r" pg_relation_size(substring(statement FROM '(?:ALTER TABLE|ON) (\S+)')::regclass)"
)
_MADE: Final = "UPDATE rebuilds SET indexes = array_remove(indexes, $2) WHERE id = $1"


async def make_indexes(pool: Pool, plan: Plan) -> None:
    """Those that the plan still has to make. The largest come first: none is left to one alone."""
    waiting = await smallest_first(pool, plan.indexes)

    async def go_on() -> None:
        while waiting:
            statement = waiting.pop()
            async with pool.acquire() as db, db.transaction():
                for setting in (_MEMORY, _ALONE, LATER_ON_DISK):
                    await db.execute(setting)
                await db.execute(statement, timeout=_LONGEST_S)
                await db.execute(_MADE, plan.id, statement)

    tasks = [asyncio.create_task(go_on()) for _ in range(_AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        await end_tasks(tasks)


async def smallest_first(pool: Pool, indexes: Sequence[str]) -> list[str]:
    """These statements, by the size of the table each is for."""
    return [row["statement"] for row in await pool.fetch(_BY_SIZE, indexes)]
