"""Keeps the tables of some projections up with the log."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import asyncpg

from contracts.codec import Codec
from infra.archive import Archive
from infra.nats import Bus
from infra.postgres import AWAY, REFUSED, Connection, Pool
from projections.following import FollowedCalls, Taken
from projections.generations import Generation, Move, Superseded, positions_of
from projections.history import history_of
from projections.parking import park, skip
from projections.reading import Batch, LogAway, extent, reading
from projections.storing import store
from projections.storing_one_by_one import store_one_by_one

_log: Final = logging.getLogger("partyline.projections")
_GONE_S: Final = 0.2  # for whoever drops tables by hand to come to an end
_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
# A runner that is paused, or whose host is gone without a word, may hold its position's row: the
# server ends its transaction, and another goes on. A batch takes milliseconds.
_LIMITED: Final = (
    "SELECT set_config('idle_in_transaction_session_timeout', '2s', false),"
    " set_config('transaction_timeout', '30s', false)"
)
_CUT_SHORT: Final = (
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InternalClientError,  # the server's word of it came while something else was asked
)


class Runner:
    """Some projections that are equally far, followed until cancelled.

    Several runners may follow the same ones: each message counts once, as the position is replaced
    only by who knows it. Rows are stored whole, as they are after the batch.
    """

    def __init__(
        self,
        generations: Sequence[Generation],
        bus: Bus,
        pool: Pool,
        codec: Codec | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._generations, self._bus, self._pool = tuple(generations), bus, pool
        self._codec = (codec or Codec()).of_events()
        self._names: Final = ", ".join(each.name for each in generations)
        self._calls = FollowedCalls(self._generations, history_of(bus, self._codec, archive))
        self._position = 0  # stored, here or by another runner
        self._folded = 0  # what the calls in memory know; never less
        self._failures = 0  # in a row: tries without a batch stored
        self.parked = 0  # calls this runner has parked, in each projection

    @property
    def position(self) -> int:
        """Stream sequence of the last message stored, here or by another runner."""
        return self._position

    async def run(self) -> None:
        """Follow the log. Returns when another generation has taken over, or tables are gone."""
        while True:
            try:
                await self._follow()
            except Superseded as superseded:
                _log.warning("%s: another generation has taken over", superseded)
                return
            except asyncpg.UndefinedTableError:
                _log.error("%s: tables were dropped", self._names)
                await asyncio.sleep(_GONE_S)
                return
            except LogAway as away:
                await self._wait("the log", str(away))
            except (*AWAY, *_CUT_SHORT) as away:
                await self._wait("PostgreSQL", type(away).__name__)
            self._calls.forget()

    async def _follow(self) -> None:
        async with self._pool.acquire() as db:
            try:
                await self._follow_on(db)
            except _CUT_SHORT:
                db.terminate()  # nobody is to find it in the pool
                raise

    async def _follow_on(self, db: Connection) -> None:
        await db.execute(_LIMITED)  # as long as the connection is ours
        self._position = self._folded = await self._stored_position(db)
        behind = await self._is_behind()
        async with reading(self._bus, self._codec, after=self._position) as reader:
            if not behind:
                self._recovered()
            while True:
                await self._take(db, await reader.batch())
                self._recovered()

    async def _take(self, db: Connection, batch: Batch) -> None:
        """Store what the batch changes; what another runner stored meanwhile is only folded in."""
        if batch.last <= self._folded:
            return
        fresh = [stored for stored in batch.messages if stored.sequence > self._folded]
        taken = await self._calls.take(db, fresh)
        self._folded = batch.last
        while self._position < batch.last and not await self._store(db, taken, batch):
            self._position = await self._overtaken(db)
        self._calls.settle(taken)

    async def _store(self, db: Connection, taken: Taken, batch: Batch) -> bool:
        move = Move(self._position, batch.last, batch.stored_at)
        try:
            async with db.transaction():
                done = await store(db, self._generations, taken.folds, move)
                if done:
                    await self._park(db, taken)
        except REFUSED:  # some row is: find out which, and go on without its call
            done = await self._store_one_by_one(db, taken, move)
        if done:
            self._position = batch.last
        return done

    async def _store_one_by_one(self, db: Connection, taken: Taken, move: Move) -> bool:
        async with db.transaction():
            done = await store_one_by_one(db, self._generations, self._calls, taken, move)
            if done:
                await self._park(db, taken)
        return done

    async def _park(self, db: Connection, taken: Taken) -> None:
        generations = {each.name: each for each in self._generations}
        for each in taken.refused:
            await park(db, generations[each.projection], each.place, each.sequence, each.error)
            _log.warning(
                "%s: call %s is parked at message %d: %s",
                *(each.projection, each.place.call, each.sequence, each.error),
            )
        self.parked += len(taken.refused)
        for (name, place), messages in taken.skipped.items():
            if not await skip(db, generations[name], place, messages):
                raise LogAway("a parked call was made anew: reading on from what is stored")

    async def _stored_position(self, db: Connection) -> int:
        positions = set((await positions_of(db, self._generations)).values())
        if len(positions) > 1:  # a runner of fewer of them has been here
            raise Superseded(self._names)
        return positions.pop()

    async def _overtaken(self, db: Connection) -> int:
        position = await self._stored_position(db)
        if position < self._position:
            raise LogAway("the tables were made anew: reading from their start")
        return position

    async def _is_behind(self) -> bool:
        """Whether messages are waiting. Raises LogAway when this log is not the tables' own."""
        first, last = await extent(self._bus)
        if last < self._position:
            raise LogAway(f"it ends at {last}, and the tables were made up to {self._position}")
        if first > self._position + 1:
            _log.warning(
                "%s: messages %d to %d had expired before they were read",
                *(self._names, self._position + 1, first - 1),
            )
        return last > self._position

    async def _wait(self, what: str, why: str) -> None:
        if self._failures == 0:
            _log.warning("%s: waits for %s: %s", self._names, what, why)
        await asyncio.sleep(_BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)])
        self._failures += 1

    def _recovered(self) -> None:
        if self._failures:
            _log.info("%s: goes on after message %d", self._names, self._position)
        self._failures = 0
