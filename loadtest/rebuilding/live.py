"""Calls go on at a steady rate, and another process follows: how late are the rows?"""

import asyncio
import statistics
import sys
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from random import Random
from typing import Final, NamedTuple

import msgspec

from contracts.codec import Codec
from infra.cancelling import end_tasks
from infra.nats import Bus
from infra.postgres import Pool
from loadtest.generating.generate import histories, publish_agents
from loadtest.generating.history import Placing
from loadtest.generating.mixing import Next, mixed
from loadtest.generating.times import call_id
from loadtest.generating.writing import BATCH, Writer, batches
from loadtest.rebuilding.figures import Live
from projections.rebuild import Servers
from projections.run import caught_up

EVENTS_PER_S: Final = 500
FOR_S: Final = 20.0
_WARM_S: Final = 2.0  # what is appended before counts for nothing
_TICK_S: Final = 0.01
_CALLS_AT_ONCE: Final = 50
_EVENTS_A_CALL: Final = 60  # fewer than there are, so that calls do not run out
_LOOK_S: Final = 0.005
_POSITION: Final = "SELECT min(position) FROM projection_positions WHERE state = 'live'"
_LATE: Final = "SELECT row_ms FROM timeline WHERE sequence > $1 AND sequence <= $2"


class _Batch(NamedTuple):
    sent_s: float  # monotonic
    last: int  # stream sequence


class _Appended(NamedTuple):
    events: int
    took_s: float
    batches: list[_Batch]


async def live(
    bus: Bus, codec: Codec, pool: Pool, servers: Servers, seed: int, for_s: float = FOR_S
) -> Live:
    """`pool`: the database that `servers` names, with tables that are up with the log."""
    async with following(servers), batches(bus, codec) as writer:
        appending = _Appending(writer, await _calls(bus, seed, codec, for_s + _WARM_S))
        warmed = await appending.go_on(_WARM_S)
        await caught_up(pool, writer.last, within_s=60)
        first, seen = writer.last, _Seen(pool)
        looking = asyncio.create_task(seen.look())
        try:
            appended = await appending.go_on(for_s)
            await caught_up(pool, writer.last, within_s=60)
            await asyncio.sleep(4 * _LOOK_S)  # so that the last look is behind it
        finally:
            await end_tasks([looking])
        row_ms = [row["row_ms"] for row in await pool.fetch(_LATE, first, writer.last)]
    row_p50, row_p99 = _percentiles(row_ms)
    committed_p50, committed_p99 = _percentiles([seen.late_ms(each) for each in appended.batches])
    return Live(
        events=appended.events,
        appended=warmed.events + appended.events,
        events_per_s=round(appended.events / appended.took_s, 1),
        row_p50_ms=row_p50,
        row_p99_ms=row_p99,
        committed_p50_ms=committed_p50,
        committed_p99_ms=committed_p99,
    )


@asynccontextmanager
async def following(servers: Servers) -> AsyncIterator[None]:
    """Another process keeps the tables up during the block."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.rebuilding.following"),
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us
    )
    assert child.stdin is not None
    child.stdin.write(msgspec.json.encode(servers) + b"\n")
    try:
        yield
    finally:
        child.stdin.close()
        await child.wait()


async def _calls(bus: Bus, seed: int, codec: Codec, for_s: float) -> list[Placing]:
    """Made up before, so that making them up costs nobody time while it is measured."""
    revisions = await publish_agents(bus)
    calls, ids = int(for_s * EVENTS_PER_S) // _EVENTS_A_CALL + _CALLS_AT_ONCE, Random(f"{seed} ids")
    made_up = histories(seed, calls, revisions=revisions)
    return [Placing(history, call_id(history.rang_ms, ids), codec) for history in made_up]


class _Appending:
    def __init__(self, writer: Writer, calls: Sequence[Placing]) -> None:
        self._writer = writer
        self._due = mixed(calls, _CALLS_AT_ONCE)

    async def go_on(self, for_s: float) -> _Appended:
        """Again and again what is due by now, all at once; where the log is slow, that is more."""
        began_s, events, sent = time.monotonic(), 0, []
        while (passed_s := time.monotonic() - began_s) < for_s:
            some = list(self._some(passed_s * EVENTS_PER_S - events))
            if some:
                sent.append(await self._append(some))
                events += _events(some)
            await asyncio.sleep(_TICK_S)
        return _Appended(events, time.monotonic() - began_s, sent)

    async def _append(self, some: Sequence[Next]) -> _Batch:
        at_s = time.monotonic()
        await self._writer.send([each.call for each in some])
        await self._writer.settle()
        return _Batch(at_s, self._writer.last)

    def _some(self, events: float) -> Iterator[Next]:
        """Messages with at least so many events; as many as a batch holds."""
        for following in islice(self._due, BATCH if events >= 1 else 0):
            yield following
            events -= _events([following])
            if events < 1:
                break


class _Seen:
    """How far all tables were, as another connection saw it, and when."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._positions: list[int] = []
        self._at_s: list[float] = []

    async def look(self) -> None:
        while True:
            self._positions.append(await self._pool.fetchval(_POSITION))
            self._at_s.append(time.monotonic())
            await asyncio.sleep(_LOOK_S)

    def late_ms(self, batch: _Batch) -> float:
        """From before it was sent until it was seen."""
        first = bisect_left(self._positions, batch.last)
        return (self._at_s[first] - batch.sent_s) * 1000


def _events(some: Sequence[Next]) -> int:
    return sum(len(each.told.message.events) for each in some)


def _percentiles(values_ms: Sequence[float]) -> tuple[float, float]:
    parts = statistics.quantiles(values_ms, n=100)
    return round(parts[49], 1), round(parts[98], 1)
