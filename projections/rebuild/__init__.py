"""Tables made anew from the log, beside those that serve.

Fill a new generation chunk by chunk, follow the log with it until it is as far as the live one,
compare the two, and swap the views in one transaction.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple

from contracts.codec import Codec
from infra.archive import Archive
from infra.cancelling import end_tasks
from infra.nats import Bus
from infra.postgres import Pool
from projections.compiled import found
from projections.history import history_of
from projections.projection import Projection
from projections.reading import extent
from projections.rebuild.checking import Deviation, deviations
from projections.rebuild.crew import Worker, WorkerDied, ended, filled_by_crew, started
from projections.rebuild.filling import Filling
from projections.rebuild.indexing import make_indexes
from projections.rebuild.plan import (
    AlreadyRebuilding,
    Plan,
    begun,
    done_chunks,
    hold_lease,
    is_long,
    late_calls,
)
from projections.rebuild.storing import Filled, events_of, rows_of
from projections.rebuild.swapping import AfterShow, NothingKept, rolled_back, swapped
from projections.rebuild.worker import Job, Servers
from projections.refolding import refold
from projections.runner import Runner
from projections.views.making import make_views

__all__ = [
    "AlreadyRebuilding",
    "Deviated",
    "NothingKept",
    "Progress",
    "Rebuilt",
    "Servers",
    "WorkerDied",
    "rebuild",
    "rolled_back",
]

_log: Final = logging.getLogger("partyline.projections")
_LOOK_S: Final = 0.02


class Deviated(Exception):
    """The new tables are not what the live ones are, though they should mean the same."""

    def __init__(self, found: Sequence[Deviation]) -> None:
        tables = ", ".join(f"{each.table} ({each.calls} calls)" for each in found)
        super().__init__(f"the rebuilt tables differ from the live ones: {tables}")
        self.found: Final = tuple(found)


class Progress(NamedTuple):
    """How far it is."""

    step: str  # fill, index, follow, check, swap
    messages: int  # of the log, done
    of: int
    events: int  # stored by this process


Tell = Callable[[Progress], None]


class Rebuilt(NamedTuple):
    """What a rebuild did."""

    events: int  # stored by this process; what an earlier one had stored is not counted
    rows: int
    filled_s: float  # from the beginning until tables and indexes were there
    took_s: float  # until they were live
    compiled: bool  # by workers that run machine code


async def rebuild(
    bus: Bus,
    pool: Pool,
    projections: Sequence[Projection],
    *,
    workers: int | None = None,
    servers: Servers | None = None,
    codec: Codec | None = None,
    archive: Archive | None = None,
    tell: Tell | None = None,
    after_show: AfterShow = make_views,
    check: bool = True,
) -> Rebuilt:
    """Make the projections' tables anew, and live. What was killed goes on where it was.

    Args:   workers: processes that fill; 0: this one does. None: as many as there are cores.
            archive: where calls are that the log has let go.
            servers: for the workers to connect to; without them there are none.
            after_show: makes again what stands on the live tables, as they change.
            check: compare finished calls with the live tables before the swap.
    Raises: AlreadyRebuilding; LogAway; WorkerDied; Deviated, and the live tables stay.
    """
    began_s = time.monotonic()
    async with pool.acquire() as db:
        await hold_lease(db)
        crew: list[Worker] = []
        compiled: Path | None = None
        try:
            log = await extent(bus)
            if servers is not None and is_long(log):  # they start while the plan is made
                compiled = found(Path(servers.compiled)) if servers.compiled else None
                wanted = (os.cpu_count() or 1) if workers is None else workers
                crew = await started(wanted, compiled)
            plan = await begun(pool, projections, log)
            work = _Work(bus, pool, plan, crew, servers, codec, archive, tell or (lambda _: None))
            await work.fill()
            filled_s = time.monotonic() - began_s
            await work.take_over(after_show, check=check)
        finally:
            await ended(crew)
            await db.execute("SELECT pg_advisory_unlock_all()")
    took_s = time.monotonic() - began_s
    return Rebuilt(work.events, work.rows, filled_s, took_s, bool(crew and compiled))


class _Work:
    def __init__(
        self,
        bus: Bus,
        pool: Pool,
        plan: Plan,
        crew: Sequence[Worker],
        servers: Servers | None,
        codec: Codec | None,
        archive: Archive | None,
        tell: Tell,
    ) -> None:
        self._bus, self._pool, self._plan = bus, pool, plan
        self._crew, self._servers, self._codec = crew, servers, codec
        self._archive, self._tell = archive, tell
        self.events = self.rows = 0

    async def fill(self) -> None:
        """All chunks that are not stored yet, then the indexes, then the position."""
        plan = self._plan
        if plan.filled:
            return
        done = await done_chunks(self._pool, plan)
        sizes = {chunk.name: chunk.last - chunk.first + 1 for chunk in plan.chunks}
        total, at = sum(sizes.values()), sum(sizes[name] for name in done if name in sizes)
        self._tell(Progress("fill", at, total, self.events))
        async with aclosing(self._filled(done)) as filling:
            async for filled in filling:
                self.events, self.rows = self.events + filled.events, self.rows + filled.rows
                at += sizes[filled.chunk]
                self._tell(Progress("fill", at, total, self.events))
        await self._fill_from_archive(done)
        self._tell(Progress("index", total, total, self.events))
        await self._index()

    async def _filled(self, done: dict[str, int]) -> AsyncGenerator[Filled]:
        plan = self._plan
        chunks = [chunk for chunk in plan.chunks if chunk.name not in done]
        if self._crew and self._servers and len(chunks) > 1:
            numbers = {each.name: each.number for each in plan.generations}
            job = Job(servers=self._servers, rebuild=plan.id, last=plan.last, generations=numbers)
            async with aclosing(filled_by_crew(job, chunks, self._crew)) as crew:
                async for filled in crew:
                    yield filled
            return
        filling = Filling(self._bus, self._pool, plan.generations, self._codec, self._archive)
        try:
            for chunk in chunks:
                yield await filling.fill(plan.id, chunk, plan.last)
        finally:
            await filling.close()

    async def _fill_from_archive(self, done: dict[str, int]) -> None:
        if self._archive is None:
            return
        plan = self._plan
        filling = Filling(self._bus, self._pool, plan.generations, self._codec, self._archive)
        async for segment in self._archive.of_events().segments():
            if segment.key not in done:
                filled = await filling.fill_segment(plan, segment)
                self.events, self.rows = self.events + filled.events, self.rows + filled.rows

    async def _index(self) -> None:
        plan = self._plan
        await make_indexes(self._pool, plan)
        async with self._pool.acquire() as db, db.transaction():
            for each in plan.generations:
                await db.execute(
                    "UPDATE projection_positions SET position = $3"
                    " WHERE name = $1 AND generation = $2",
                    *(each.name, each.number, plan.last),
                )
            await db.execute("UPDATE rebuilds SET filled = true WHERE id = $1", plan.id)

    async def _make_late_calls_anew(self) -> None:
        history = history_of(self._bus, self._codec or Codec(), self._archive)
        projections = [each.projection for each in self._plan.generations]
        for place, seen in await late_calls(self._pool, self._plan):
            before = await rows_of(self._pool, self._plan.generations, place)
            await refold(self._pool, projections, history, place)
            self.rows += await rows_of(self._pool, self._plan.generations, place) - before
            known = await history(place)
            self.events += events_of([m for m in known if seen < m.sequence <= self._plan.last])

    async def take_over(self, after_show: AfterShow, *, check: bool) -> None:
        """Follow the log until the live tables are met, and take their place."""
        plan = self._plan
        await self._make_late_calls_anew()
        runner = Runner(plan.generations, self._bus, self._pool, self._codec, self._archive)
        following = asyncio.create_task(runner.run())
        try:
            self._tell(Progress("follow", plan.last, plan.last, self.events))
            await self._met(following, runner)
            if check and (found := await deviations(self._pool, plan.generations)):
                raise Deviated(found)
            self._tell(Progress("swap", plan.last, plan.last, self.events))
            await self._swap(after_show)
        finally:
            await end_tasks([following])
            await asyncio.gather(following, return_exceptions=True)
        await self._pool.execute("DELETE FROM rebuilds WHERE id = $1", plan.id)

    async def _met(self, following: "asyncio.Task[None]", runner: Runner) -> None:
        """Wait until the new tables are as far as the log was when this was asked."""
        last = (await extent(self._bus)).last
        while True:
            if following.done():
                return following.result()
            if runner.position >= last:
                return
            await asyncio.sleep(_LOOK_S)

    async def _swap(self, after_show: AfterShow) -> None:
        """As soon as these tables are as far as the live ones, and nobody holds the views."""
        while True:
            if await swapped(self._pool, self._plan.generations, after_show):
                return
            await asyncio.sleep(_LOOK_S)
