"""All projections in one process."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from typing import Final, Literal

import asyncpg

from contracts.codec import Codec
from infra.archive import Archive
from infra.beside import beside
from infra.cancelling import end_tasks
from infra.nats import Bus
from infra.postgres import AWAY, Pool
from projections import PROJECTIONS
from projections.agents.follow import follow_agents
from projections.generations import Generation, Superseded, positions_of, standings
from projections.projection import Projection
from projections.reading import LogAway
from projections.rebuild import AlreadyRebuilding, Servers, WorkerDied, rebuild
from projections.runner import Runner
from projections.schema import left_behind, prepare
from projections.views.making import make_views

_log: Final = logging.getLogger("partyline.projections")
_LOOK_EVERY_S: Final = 0.005
_AGAIN_S: Final = 1.0


async def run(
    bus: Bus,
    pool: Pool,
    projections: Iterable[Projection] = PROJECTIONS,
    *,
    stop: asyncio.Event,
    codec: Codec | None = None,
    servers: Servers | None = None,
    archive: Archive | None = None,
    rebuild_older: bool = True,
) -> None:
    """Keep the tables up with the log until `stop`; a batch half written then is undone.

    Those that are equally far are followed together. Tables of an older version are rebuilt beside
    the live ones, by processes that are given `servers`; with `rebuild_older` off they stand still
    until somebody else has.
    `pool` needs a connection for each group, and one more.
    """
    stopping = asyncio.create_task(stop.wait())
    following = _Following(bus, pool, codec, servers, archive, rebuild_older)
    try:
        async with beside(follow_agents(bus, pool)):
            await following.until(stopping, list(projections))
    finally:
        await end_tasks([stopping, *following.tasks])


class _Following:
    def __init__(
        self,
        bus: Bus,
        pool: Pool,
        codec: Codec | None,
        servers: Servers | None,
        archive: Archive | None,
        rebuild_older: bool,
    ) -> None:
        self._bus, self._pool, self._codec = bus, pool, codec
        self._servers, self._archive, self._rebuild_older = servers, archive, rebuild_older
        self.tasks: dict[asyncio.Task[None], list[Projection]] = {}
        self._left_named = False

    async def until(
        self, stopping: asyncio.Task[Literal[True]], projections: list[Projection]
    ) -> None:
        """Raises what a runner fails with; one that another has superseded looks again."""
        loose = projections
        while not stopping.done():
            if loose:
                await self._start(loose)
                loose = []
            wanted = {stopping, *self.tasks}
            done, _ = await asyncio.wait(wanted, return_when=asyncio.FIRST_COMPLETED)
            for task in [each for each in self.tasks if each in done]:
                task.result()
                loose += self.tasks.pop(task)

    async def _start(self, projections: list[Projection]) -> None:
        found = [(each, await self._prepared(each)) for each in projections]
        ready = [generation for _, generation in found if generation is not None]
        older = [each for each, none in found if none is None and await self._is_older(each)]
        if ready:
            await self._make_views()
            await self._name_those_left()
        for group in await self._groups(ready):
            runner = Runner(group, self._bus, self._pool, self._codec, self._archive)
            self._begin(asyncio.create_task(runner.run()), [each.projection for each in group])
        if older:
            work = self._rebuild(older) if self._rebuild_older else self._rebuilt(older)
            self._begin(asyncio.create_task(work), older)

    async def _groups(self, generations: list[Generation]) -> list[list[Generation]]:
        """Those that are equally far."""
        if not generations:
            return []
        try:
            async with self._pool.acquire() as db:
                positions = await positions_of(db, generations)
        except (Superseded, *AWAY):  # each finds out for itself
            return [[each] for each in generations]
        groups: dict[int, list[Generation]] = {}
        for each in generations:
            groups.setdefault(positions[each.name], []).append(each)
        return list(groups.values())

    async def _rebuild(self, projections: list[Projection]) -> None:
        """Beside the live tables, which nobody of this version follows meanwhile."""
        try:
            await rebuild(
                *(self._bus, self._pool, projections),
                codec=self._codec,
                servers=self._servers,
                archive=self._archive,
            )
        except (AlreadyRebuilding, LogAway, WorkerDied, *AWAY) as trouble:
            _log.warning("rebuilding waits: %s", type(trouble).__name__)
            await asyncio.sleep(_AGAIN_S)

    async def _rebuilt(self, projections: list[Projection]) -> None:
        """Wait until somebody has rebuilt one of them."""
        names = " ".join(each.name for each in projections)
        _log.warning("tables of an older version stand still: 'partyline rebuild %s'", names)
        with contextlib.suppress(*AWAY):  # then all is looked at again
            while True:
                await asyncio.sleep(_AGAIN_S)
                if not all([await self._is_older(each) for each in projections]):
                    return

    def _begin(self, task: "asyncio.Task[None]", projections: list[Projection]) -> None:
        task.set_name(f"projections {', '.join(each.name for each in projections)}")
        self.tasks[task] = projections

    async def _prepared(self, projection: Projection) -> Generation | None:
        """The live tables; None: they are of another version."""
        while True:
            try:
                return await prepare(self._pool, projection)
            except AWAY as away:
                _log.warning("%s: waits for PostgreSQL: %s", projection.name, type(away).__name__)
                await asyncio.sleep(_AGAIN_S)

    async def _make_views(self) -> None:
        while True:
            try:
                async with self._pool.acquire() as db, db.transaction():
                    return await make_views(db)
            except (asyncpg.LockNotAvailableError, *AWAY) as away:
                _log.warning("the views wait for PostgreSQL: %s", type(away).__name__)
                await asyncio.sleep(_AGAIN_S)

    async def _name_those_left(self) -> None:
        """Tables of projections that this version does not have stay as they are."""
        if self._left_named:
            return
        try:
            left = await left_behind(self._pool, (each.name for each in PROJECTIONS))
        except AWAY:  # the runners wait for it, too
            return
        self._left_named = True
        for name in left:
            _log.warning("%s: this version has no such projection: its tables stand still", name)

    async def _is_older(self, projection: Projection) -> bool:
        """Whether the live tables are of a version before ours; a later one is another's work."""
        async with self._pool.acquire() as db:
            known = await standings(db, projection.name)
        live = next(each for each in known if each.state == "live")
        if live.version > projection.version:
            _log.error("%s: a later version has taken over", projection.name)
        return live.version < projection.version


async def caught_up(
    pool: Pool,
    sequence: int,
    projections: Iterable[Projection] = PROJECTIONS,
    *,
    within_s: float = 10.0,
) -> None:
    """Wait until each projection has taken in the message `sequence`. Raises TimeoutError."""
    names = [projection.name for projection in projections]
    deadline_s = time.monotonic() + within_s
    while behind := await _behind(pool, sequence, names):
        if time.monotonic() >= deadline_s:
            raise TimeoutError(f"not at {sequence} within {within_s:g} s: {', '.join(behind)}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _behind(pool: Pool, sequence: int, names: list[str]) -> list[str]:
    try:
        rows = await pool.fetch(
            "SELECT wanted.name FROM unnest($1::text[]) AS wanted (name)"
            " LEFT JOIN projection_positions AS p ON p.name = wanted.name AND p.state = 'live'"
            " WHERE coalesce(position, -1) < $2",
            names,
            sequence,
        )
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # no runner was ever here
        return names
    return [row["name"] for row in rows]
