"""A log is made, tables are made from it again and again, and what that took is put together."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec

from infra.embedded import Addresses, embedded
from infra.nats import Bus, connect, create_streams
from infra.postgres import Pool, connect_pool
from loadtest.rebuilding.copying import copying
from loadtest.rebuilding.databases import fresh
from loadtest.rebuilding.digests import Digest, digests
from loadtest.rebuilding.figures import Copying, Figures, Live, Peer, Rebuild
from loadtest.rebuilding.live import live
from loadtest.rebuilding.log import Log, added_to, codec_of, grow, known, master_key
from loadtest.rebuilding.memory import Watch
from loadtest.rebuilding.once import NotRebuilt, rebuilt_once
from loadtest.rebuilding.peer import peer
from projections.parking import all_parked
from projections.rebuild import Servers

Tell = Callable[[str], None]
"""What is being done now."""
_DATABASE: Final = "bench_rebuild"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured."""

    events: tuple[int, ...]  # sizes of the log
    workers: tuple[int, ...]
    sealed: bool
    distinct: int  # calls made up, which the log repeats
    peer_events: int  # 0: no peer
    live_s: float  # 0: nobody follows
    compiled: Path | None  # where machine code is kept; None: interpreted


async def measured(data: Path, wanted: Wanted, tell: Tell) -> Figures:
    """On a stack of its own in `data`, the log of which is kept and used again.

    Raises: OtherLog; NotRebuilt; NoPeer; what starting servers raises.
    """
    log = known(data, sealed=wanted.sealed)
    async with AsyncExitStack() as opened:
        addresses = await opened.enter_async_context(embedded(data))
        bus = await connect(addresses.nats_url, name="bench")
        opened.push_async_callback(bus.close)
        await create_streams(bus, keep_calls=True)
        pool = await connect_pool(addresses.postgres_dsn, size=2, command_s=0)
        opened.push_async_callback(pool.close)
        bench = _Bench(addresses, bus, pool, log, wanted, tell)
        await bench.run()
        return bench.figures()


class _Bench:
    def __init__(
        self, addresses: Addresses, bus: Bus, pool: Pool, log: Log, wanted: Wanted, tell: Tell
    ) -> None:
        self._addresses, self._bus, self._pool = addresses, bus, pool
        self._log, self._wanted, self._tell = log, wanted, tell
        self._series: list[Rebuild] = []
        self._equal, self._parked = True, 0
        self._copying: Copying | None = None
        self._live: Live | None = None
        self._peer: Peer | None = None

    async def run(self) -> None:
        """All that is wanted. A log that holds more than a size asks for is taken as it is."""
        sizes = sorted({max(size, self._log.events) for size in self._wanted.events})
        for size in sizes:
            await self._grow(size)
            await self._rebuild_again(last=size == sizes[-1])
        if events := self._wanted.peer_events:
            self._tell(f"the peer: {events:,} events, twice")
            self._peer = await peer(self._pool, self._addresses.postgres_dsn, events)

    async def _grow(self, events: int) -> None:
        await grow(
            *(self._bus, self._addresses, self._log, events),
            distinct=self._wanted.distinct,
            tell=lambda there: self._tell(f"making the log: {there:,} of {events:,} events"),
        )

    async def _rebuild_again(self, *, last: bool) -> None:
        """With each number of workers, and twice at least: the rows have to be the same."""
        workers = self._wanted.workers
        runs = workers if len(workers) > 1 else workers * 2
        first: dict[str, Digest] | None = None
        for number, each in enumerate(runs, start=1):
            found = await self._rebuild(each, last=last and number == len(runs))
            first = first or found
            self._equal = self._equal and found == first

    async def _rebuild(self, workers: int, *, last: bool) -> dict[str, Digest]:
        """Into an empty database, which is dropped after. Raises NotRebuilt."""
        self._tell(f"rebuilding from {self._log.events:,} events with {workers} workers")
        async with fresh(self._pool, self._addresses.postgres_dsn, _DATABASE) as dsn:
            key = str(master_key(self._addresses)) if self._log.sealed else ""
            servers = Servers(
                nats=self._addresses.nats_url,
                postgres=dsn,
                master_key=key,
                compiled=str(self._wanted.compiled or ""),
            )
            done = await rebuilt_once(servers, workers, Watch(os.getpid()))
            if done.events != self._log.events:
                raise NotRebuilt(f"{done.events} events were taken of {self._log.events}")
            self._series.append(done)
            pool = await connect_pool(dsn, command_s=0)
            try:
                self._tell("hashing all rows")
                found = await digests(pool)
                self._parked = max(self._parked, len(await all_parked(pool)))
                if last:
                    await self._measure_beside(pool, servers)
                return found
            finally:
                await pool.close()

    async def _measure_beside(self, pool: Pool, servers: Servers) -> None:
        """What needs tables that are filled."""
        self._tell("copying, for PostgreSQL's limit")
        self._copying = await copying(pool)
        if for_s := self._wanted.live_s:
            self._tell(f"following live calls for {for_s:g} s")
            codec = codec_of(self._bus, self._addresses, self._log)
            with added_to(self._addresses.data, self._log) as seed:
                self._live = await live(self._bus, codec, pool, servers, seed, for_s)
                self._log.events += self._live.appended

    def figures(self) -> Figures:
        """Of the largest log the quickest rebuild stands for all."""
        best = max(self._series, key=lambda run: (run.events, run.events_per_s))
        assert self._copying is not None
        return Figures(
            events=best.events,
            events_per_s=round(best.events_per_s, 1),
            copy_rows_per_s=self._copying.rows_per_s,
            peer_events_per_s=self._peer.events_per_s if self._peer else None,
            peak_rss_mb=max(run.memory.ours for run in self._series),
            equal=self._equal,
            workers=best.workers,
            compiled=best.compiled,
            sealed=self._log.sealed,
            rows=best.rows,
            filled_s=best.filled_s,
            took_s=best.took_s,
            parked=self._parked,
            cores=os.cpu_count() or 1,
            series=self._series,
            copying=self._copying,
            peer=self._peer,
            live=self._live,
        )
