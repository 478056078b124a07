"""What the programs of a run cost, read from /proc once a second, and what servers say they did."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import msgspec

from infra.cancelling import end_tasks
from infra.embedded import Addresses
from infra.nats_system import Traffic, ask_traffic
from infra.postgres import connect_pool
from loadtest.load.spread import Spread
from loadtest.proc import Cost, cost, descriptors, family, folder_mib, steal_s

_EVERY_S: Final = 1.0
_DONE: Final = (
    "SELECT sum(xact_commit)::bigint, sum(tup_inserted + tup_updated)::bigint,"
    " pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint,"
    " (SELECT sum(pg_database_size(datname)) FROM pg_database)::bigint FROM pg_stat_database"
)
_ROWS: Final = (
    "SELECT count(*), percentile_cont(ARRAY[0.5, 0.95, 0.99, 1.0]) WITHIN GROUP (ORDER BY row_ms)"
    " FROM timeline WHERE stored_at >= to_timestamp($1)"
)


class Sample(NamedTuple):
    """One look at all programs."""

    at_s: float  # monotonic seconds
    programs: dict[str, Cost]
    steal_s: float
    descriptors: dict[str, int] = {}  # open files and sockets


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What the servers did so far, and what lies on disk."""

    traffic: Traffic = Traffic()
    commits: int = 0
    rows: int = 0  # inserted or updated
    wal_bytes: int = 0
    log_mib: float = 0.0
    tables_mib: float = 0.0  # without PostgreSQL's own log, of which it keeps only the newest
    event_to_row_ms: Spread = Spread()


class Meter:
    """Samples of one run."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        """`roots`: processes by what they are to be called; those below go by their own names."""
        self.samples: list[Sample] = []
        self._roots = roots

    def look(self) -> Sample:
        """At all of them now."""
        programs, opened = dict[str, Cost](), Counter[str]()
        for called, pid in _processes(self._roots):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                programs[called] = _sum(programs.get(called), cost(pid))
                opened[called] += descriptors(pid)
        sample = Sample(time.monotonic(), programs, steal_s(), dict(opened))
        self.samples.append(sample)
        return sample

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every second during the block, first and last at its ends."""

        async def go_on() -> None:
            while True:
                await asyncio.sleep(_EVERY_S)
                self.look()

        self.look()
        looking = asyncio.create_task(go_on())
        try:
            yield
        finally:
            await end_tasks([looking])
            self.look()


def pythons(roots: Mapping[str, int]) -> dict[str, list[int]]:
    """The Python processes among those that a Meter with these roots looks at."""
    found: dict[str, list[int]] = {name: [] for name in roots}
    for called, pid in _processes(roots):
        if called in found:
            found[called].append(pid)
    return found


def _processes(roots: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """With what each is called."""
    for name, root in roots.items():
        for program, pids in family(root).items():
            for pid in pids:
                yield name if pid == root or program.startswith("python") else program, pid


def _sum(one: Cost | None, other: Cost) -> Cost:
    if one is None:
        return other
    return Cost(*(ours + theirs for ours, theirs in zip(one, other, strict=True)))


def used(samples: Sequence[Sample]) -> dict[str, Cost]:
    """What each program used from the first sample to the last; memory as it is then."""
    before, nothing = samples[0].programs, Cost(0.0, 0.0)
    return {
        name: now._replace(
            cpu_s=now.cpu_s - before.get(name, nothing).cpu_s,
            kernel_s=now.kernel_s - before.get(name, nothing).kernel_s,
        )
        for name, now in sorted(samples[-1].programs.items())
    }


def _spread(count: int, times: Sequence[float] | None) -> Spread:
    if not times:
        return Spread()
    p50, p95, p99, most = (round(ms, 2) for ms in times)
    return Spread(n=count, p50=p50, p95=p95, p99=p99, max=most)


async def work(addresses: Addresses, since_s: float) -> Work:
    """What these servers say. `since_s`: UNIX time, of the first event whose row counts."""
    pool = await connect_pool(addresses.postgres_dsn)
    try:
        ((commits, rows, wal, tables_bytes),) = await pool.fetch(_DONE)
        ((count, times),) = await pool.fetch(_ROWS, since_s)
    finally:
        await pool.close()
    return Work(
        traffic=await ask_traffic(addresses.nats_system_url),
        commits=commits,
        rows=rows,
        wal_bytes=wal,
        log_mib=folder_mib(addresses.data / "jetstream"),
        tables_mib=tables_bytes / 2**20,
        event_to_row_ms=_spread(count, times),
    )
