"""A filled generation takes the place of the live one, and back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
import msgspec

from infra.postgres import Connection, Pool
from projections.generations import Generation, Standing, standings
from projections.projection import Projection
from projections.schema import forget, hold_views, lock, show, vacuum_again
from projections.views.making import hold, make_views

_POSITIONS: Final = (
    "SELECT name, generation, version, position, state FROM projection_positions"
    " WHERE name = ANY($1) AND state IN ('live', 'filling') ORDER BY name FOR UPDATE"
)
_BECOMES: Final = "UPDATE projection_positions SET state = $3 WHERE name = $1 AND generation = $2"

# Who reads two views may hold one and wait for the other. We give way before PostgreSQL, after a
# second, would end one of us.
_GIVE_WAY: Final = "SET LOCAL lock_timeout = '200ms'"
_AGAIN_S: Final = 0.05

AfterShow = Callable[[Connection], Awaitable[None]]
"""Makes again, in the same transaction, what stands on the live tables."""


class NothingKept(Exception):
    """There is no generation to go back to."""


async def swapped(
    pool: Pool, generations: Sequence[Generation], after_show: AfterShow = make_views
) -> bool:
    """Let all of them be live, in one transaction. The ones before are kept for a rollback.

    False: the live ones have read on meanwhile, or who reads holds the views; nothing is changed.
    """
    try:
        async with pool.acquire() as db, db.transaction():
            await lock(db)
            await db.execute(_GIVE_WAY)
            return await _swap(db, generations, after_show)
    except asyncpg.LockNotAvailableError:
        return False


async def _swap(db: Connection, generations: Sequence[Generation], after_show: AfterShow) -> bool:
    rows = await db.fetch(_POSITIONS, [each.name for each in generations])
    known = [msgspec.convert(dict(row), Standing) for row in rows]
    live = {each.name: each for each in known if each.state == "live"}
    new = {(each.name, each.generation): each for each in known}
    for each in generations:
        before, after = live.get(each.name), new[each.name, each.number]
        if before and after.position < before.position:
            return False
    await hold(db)
    await hold_views(db, [each.projection for each in generations])
    for each in generations:
        await _replace(db, each, live.get(each.name))
    await after_show(db)
    for each in generations:
        await vacuum_again(db, each)
    return True


async def rolled_back(
    pool: Pool, projections: Sequence[Projection], after_show: AfterShow = make_views
) -> None:
    """Let the kept generation of each be live again. It then reads on from where it was left.

    Raises: NothingKept, and nothing is changed.
    """
    while True:
        try:
            async with pool.acquire() as db, db.transaction():
                await lock(db)
                await db.execute(_GIVE_WAY)
                await hold(db)
                await hold_views(db, projections)
                for projection in projections:
                    await _go_back(db, projection)
                return await after_show(db)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(_AGAIN_S)


async def _go_back(db: Connection, projection: Projection) -> None:
    known = await standings(db, projection.name)
    kept = next((each for each in known if each.state == "kept"), None)
    if kept is None:
        raise NothingKept(f"no earlier tables of {projection.name} are kept")
    live = next(each for each in known if each.state == "live")
    for number, state in (
        (live.generation, "filling"),  # there is one live generation at most, at every moment
        (kept.generation, "live"),
        (live.generation, "kept"),
    ):
        await db.execute(_BECOMES, projection.name, number, state)
    await show(db, Generation(projection, kept.generation))


async def _replace(db: Connection, new: Generation, live: Standing | None) -> None:
    for known in await standings(db, new.name):
        if known.state == "kept":
            await forget(db, new.name, known.generation)
    if live is not None:
        await db.execute(_BECOMES, new.name, live.generation, "kept")
    await db.execute(_BECOMES, new.name, new.number, "live")
    await show(db, new)
