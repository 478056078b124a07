"""Keeps a projection's tables up with the log."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import asyncpg

from contracts.codec import Codec
from infra.nats import Bus
from infra.postgres import AWAY, Connection, Pool
from projections.positions import Superseded, position_of
from projections.projection import Projection
from projections.reading import LogAway, Stored, extent, reading
from projections.schema import prepare
from projections.storing import store

_log: Final = logging.getLogger("partyline.projections")
_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
# A runner that is paused, or whose host is gone without a word, may hold its position's row: the
# server ends its transaction, and another goes on. A batch takes milliseconds.
_LIMITED: Final = (
    "SELECT set_config('idle_in_transaction_session_timeout', '2s', false),"
    " set_config('transaction_timeout', '10s', false)"
)
_CUT_SHORT: Final = (
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InternalClientError,  # the server's word of it came while something else was asked
)


class Runner:
    """One projection, followed until cancelled. Several may run: each message counts once."""

    def __init__(
        self, projection: Projection, bus: Bus, pool: Pool, codec: Codec | None = None
    ) -> None:
        self._projection, self._bus, self._pool = projection, bus, pool
        self._codec = codec or Codec()
        self._position = 0
        self._prepared = False
        self._failures = 0  # in a row: tries without a batch stored
        self.parked = 0  # calls this runner has parked

    async def run(self) -> None:
        """Follow the log. Returns only when another version has taken over the tables."""
        while True:
            try:
                await self._follow()
            except Superseded:
                _log.error("%s: another version has taken over", self._projection.name)
                return
            except LogAway as away:
                await self._wait("the log", str(away))
            except (*AWAY, *_CUT_SHORT) as away:
                await self._wait("PostgreSQL", type(away).__name__)

    async def _follow(self) -> None:
        if not self._prepared:
            await prepare(self._pool, self._projection)
            self._prepared = True
        async with self._pool.acquire() as db:
            try:
                await self._follow_on(db)
            except _CUT_SHORT:
                db.terminate()  # nobody is to find it in the pool
                raise

    async def _follow_on(self, db: Connection) -> None:
        await db.execute(_LIMITED)  # as long as the connection is ours
        self._position = await position_of(db, self._projection)
        behind = await self._is_behind()
        async with reading(self._bus, self._codec, after=self._position) as reader:
            if not behind:
                self._recovered()
            while True:
                await self._take(db, await reader.batch())
                self._recovered()

    async def _take(self, db: Connection, batch: Sequence[Stored]) -> None:
        """Store what is new in the batch; what another runner stored meanwhile is left out."""
        while fresh := [stored for stored in batch if stored.sequence > self._position]:
            refused = await store(db, self._projection, fresh, after=self._position)
            if refused is None:
                self._position = await self._overtaken(db)
                continue
            self._position = fresh[-1].sequence
            self.parked += len(refused)
            for each in refused:
                _log.warning(
                    "%s: call %s is parked at message %d: %s",
                    *(self._projection.name, each.place.call, each.sequence, each.error),
                )

    async def _overtaken(self, db: Connection) -> int:
        position = await position_of(db, self._projection)
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
                *(self._projection.name, self._position + 1, first - 1),
            )
        return last > self._position

    async def _wait(self, what: str, why: str) -> None:
        if self._failures == 0:
            _log.warning("%s: waits for %s: %s", self._projection.name, what, why)
        await asyncio.sleep(_BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)])
        self._failures += 1

    def _recovered(self) -> None:
        if self._failures:
            _log.info("%s: goes on after message %d", self._projection.name, self._position)
        self._failures = 0
