"""What a scenario does to the servers and roles beside its calls, and what is seen of it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import msgspec

from contracts.ids import HostId
from contracts.streams import CALLS, host_subject
from infra.embedded import Addresses
from infra.nats import Bus, connect
from infra.nats_system import ask_traffic
from infra.postgres import connect_pool
from loadtest.load.scenario import Fault
from loadtest.load.systems import System
from loadtest.proc import family
from projections.run import caught_up

_CAUGHT_UP_WITHIN_S: Final = 60.0
_FLOOD_BYTES: Final = 60_000  # a message
_FLOOD_MOST: Final = 4_000  # messages: past what a server keeps for one connection, 64 MiB
_AT_ONCE: Final = 200


class Seen(msgspec.Struct, kw_only=True):
    """What came of the faults."""

    done: list[str] = []
    tables_behind_s: float = 0.0  # after a stall's end, until the tables had all of before
    parked: int = 0  # calls that a projection follows no more


class _By(msgspec.Struct):
    by: str


@asynccontextmanager
async def inflicting(
    system: System, faults: Sequence[Fault], begin_s: float
) -> AsyncIterator[Seen]:
    """Do them during the block, counted from `begin_s`. Leaving waits until all are done."""
    seen, addresses = Seen(), system.addresses
    if not faults or addresses is None:  # of a peer there is nothing to be stopped
        yield seen
        return
    async with asyncio.TaskGroup() as doing:
        for fault in faults:
            doing.create_task(_inflict(system, addresses, fault, begin_s, seen))
        yield seen
    seen.parked = await _parked(addresses)


async def _inflict(
    system: System, addresses: Addresses, fault: Fault, begin_s: float, seen: Seen
) -> None:
    await asyncio.sleep(begin_s + fault.at_s - time.monotonic())
    match fault.what:
        case "postgres_stalls":
            await _stall_postgres(addresses, fault.lasts_s, seen)
        case "stt_stops_reading":
            await _stop_reading(addresses, system.roots["stt"], fault.lasts_s)
    seen.done.append(f"{fault.what} for {fault.lasts_s:g} s")


async def _stall_postgres(addresses: Addresses, lasts_s: float, seen: Seen) -> None:
    postmaster = int((addresses.data / "run" / "postgres.pid").read_text())
    with stopped(pid for pids in family(postmaster).values() for pid in pids):
        await asyncio.sleep(lasts_s)
    ended_s = time.monotonic()
    bus = await connect(addresses.nats_url, name="load")
    try:
        last = (await bus.js.stream_info(CALLS.name)).state.last_seq
    finally:
        await bus.close()
    pool = await connect_pool(addresses.postgres_dsn, size=1)
    try:
        await caught_up(pool, last, within_s=_CAUGHT_UP_WITHIN_S)
    finally:
        await pool.close()
    seen.tables_behind_s = round(time.monotonic() - ended_s, 2)


async def _stop_reading(addresses: Addresses, pid: int, lasts_s: float) -> None:
    """The process stands still while more is sent to it than the server keeps for anybody."""
    bus = await connect(addresses.nats_url, name="load")
    try:
        host = await _host(bus)
        cut_before = (await ask_traffic(addresses.nats_system_url)).slow_consumers
        with stopped([pid]):
            until_s = time.monotonic() + lasts_s
            await _flood(bus, addresses, host, cut_before)
            await asyncio.sleep(until_s - time.monotonic())
    finally:
        await bus.close()


async def _flood(bus: Bus, addresses: Addresses, host: HostId, cut_before: int) -> None:
    """Ask the host for calls nobody has, until the server cuts it off as a slow consumer."""
    for number in range(_FLOOD_MOST):
        await bus.nc.publish(host_subject(host), bytes(_FLOOD_BYTES), reply="nobody")
        if number % _AT_ONCE == 0:
            await bus.nc.flush()
            if (await ask_traffic(addresses.nats_system_url)).slow_consumers > cut_before:
                return


async def _host(bus: Bus) -> HostId:
    """Who wrote the newest words of a caller."""
    newest = await bus.js.get_last_msg(CALLS.name, "call.*.*.transcript")
    return HostId(msgspec.json.decode(newest.data or b"", type=_By).by)


async def _parked(addresses: Addresses) -> int:
    pool = await connect_pool(addresses.postgres_dsn, size=1)
    try:
        return int(await pool.fetchval("SELECT count(*) FROM parked"))
    finally:
        await pool.close()


@contextmanager
def stopped(pids: Iterable[int]) -> Iterator[None]:
    """These processes stand still during the block."""
    held = list(pids)
    try:
        _signal(held, signal.SIGSTOP)
        yield
    finally:
        _signal(held, signal.SIGCONT)


def _signal(pids: Iterable[int], which: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, which)
