"""How fast the projections are: events a second when behind, milliseconds to a row when not.

python tests/projections/measure_projections.py [EVENTS]     (default 20,000, on servers of its own)
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from logs import append, append_calls, running
from stories import TENANT, Story, question_answered

from infra.embedded import embedded
from infra.nats import Bus, connect, create_streams
from infra.postgres import Pool, connect_pool
from projections.run import caught_up

_EVENTS_A_CALL = sum(len(m.message.events) for m in question_answered().messages)
_LIVE_CALLS = 20


async def measure(events: int) -> None:
    with tempfile.TemporaryDirectory(prefix="partyline-measure-") as folder:
        async with embedded(Path(folder)) as addresses:
            bus = await connect(addresses.nats_url, name="measure")
            pool = await connect_pool(addresses.postgres_dsn)
            await create_streams(bus)
            _, last = await append_calls(bus, events // _EVENTS_A_CALL, at_once=50)
            await _catch_up(bus, pool, events, last)
            await _follow(bus, pool)
            await pool.close()
            await bus.close()


async def _catch_up(bus: Bus, pool: Pool, events: int, last: int) -> None:
    began_s, own_s = time.perf_counter(), time.process_time()
    async with running(bus, pool):
        await caught_up(pool, last, within_s=300)
    took_s, own_s = time.perf_counter() - began_s, time.process_time() - own_s
    rates = f"{events / took_s:,.0f} events/s, {last / took_s:,.0f} messages/s"
    print(f"behind   {rates}, {own_s / last * 1e6:.0f} us of our CPU for a message")


async def _follow(bus: Bus, pool: Pool) -> None:
    """Calls one message at a time, each followed until its rows can be read."""
    waits_ms: list[float] = []
    async with running(bus, pool):
        await caught_up(pool, 0)
        for _ in range(_LIVE_CALLS):
            told = question_answered()
            for number, recorded in enumerate(told.messages, 1):
                one = Story(told.call, first_sequence=number)
                last = await append(bus, one.stored(0, *recorded.message.events))
                began_s = time.perf_counter()
                await caught_up(pool, last)
                waits_ms.append((time.perf_counter() - began_s) * 1000)
    row_ms = [
        row["row_ms"]
        for row in await pool.fetch(
            "SELECT row_ms FROM timeline WHERE tenant = $1 ORDER BY sequence DESC LIMIT $2",
            TENANT,
            _LIVE_CALLS * _EVENTS_A_CALL,
        )
    ]
    _percentiles("row_ms   stored in the log to row written (timeline)", row_ms)
    _percentiles("visible  stored to committed in all projections    ", waits_ms)


def _percentiles(title: str, values_ms: list[float]) -> None:
    parts = statistics.quantiles(values_ms, n=100)
    print(f"{title} p50 {parts[49]:6.1f} ms   p99 {parts[98]:6.1f} ms   of {len(values_ms)}")


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
