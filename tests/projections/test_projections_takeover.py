"""Runners killed, paused or told to stop in the middle of a transaction, also with the database.

What the tables hold in the end is compared with a database that one undisturbed runner filled.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from eventually import eventually_async
from logs import Process, append_calls, running, running_in_a_process, tables

from infra.children import ChildFailed
from infra.nats import Bus
from infra.nats_server import NatsServer
from infra.postgres import Pool, connect_pool
from infra.postgres_server import PostgresServer
from projections import PROJECTIONS
from projections.run import caught_up

pytestmark = pytest.mark.stack


@asynccontextmanager
async def caught_in_a_transaction(
    bus: Bus, pool: Pool, nats_url: str, dsn: str
) -> AsyncIterator[tuple[Process, Callable[[], Awaitable[None]]]]:
    """A process whose `turns` has replaced its position and can't write its rows, as long as what
    is given with it is not called."""
    async with running_in_a_process(nats_url, dsn) as process:
        _, last = await append_calls(bus, 1)
        await eventually_async(lambda: tables_are_there(pool))
        await caught_up(pool, last)
        holder = await asyncpg.connect(dsn)
        held = holder.transaction()
        await held.start()
        await holder.execute("LOCK TABLE turns IN ACCESS EXCLUSIVE MODE")
        await append_calls(bus, 30)
        await eventually_async(lambda: waits_for_a_lock(pool))
        try:
            yield process, held.rollback
        finally:
            holder.terminate()


async def test_killed_in_a_transaction_with_the_database_they_go_on_as_if_nothing_had_been(
    bus: Bus, pool: Pool, log_server: NatsServer, database_server: PostgresServer
) -> None:
    disturbed = await connect_pool(database_server.dsn)
    async with caught_in_a_transaction(bus, disturbed, log_server.url, database_server.dsn) as (
        process,
        _,
    ):
        process.kill()
        await process.wait()
        await restarted_after_kill(database_server)
    await disturbed.expire_connections()
    async with running(bus, disturbed):
        _, last = await append_calls(bus, 3)
        await caught_up(disturbed, last)
    await holds_what_one_runner_makes(bus, disturbed, pool, last)
    await disturbed.close()


async def test_killed_in_a_transaction_they_are_followed_by_others(
    bus: Bus, pool: Pool, log_server: NatsServer, tables_dsn: str, other_pool: Pool
) -> None:
    async with caught_in_a_transaction(bus, pool, log_server.url, tables_dsn) as (process, free):
        process.kill()
        await process.wait()
        await free()
        async with running(bus, pool):
            _, last = await append_calls(bus, 3)
            await caught_up(pool, last)
    await holds_what_one_runner_makes(bus, pool, other_pool, last)


async def test_paused_in_a_transaction_they_hold_up_nobody_and_come_back_to_nothing_twice(
    bus: Bus, pool: Pool, log_server: NatsServer, tables_dsn: str, other_pool: Pool
) -> None:
    async with caught_in_a_transaction(bus, pool, log_server.url, tables_dsn) as (process, free):
        process.send_signal(signal.SIGSTOP)
        await free()
        async with running(bus, pool):
            _, last = await append_calls(bus, 3)
            await caught_up(pool, last)
            process.send_signal(signal.SIGCONT)
            _, last = await append_calls(bus, 30)
            await caught_up(pool, last)
        _, last = await append_calls(bus, 3)
        await caught_up(pool, last)  # by the one that was paused, which is alone now
    await holds_what_one_runner_makes(bus, pool, other_pool, last)


async def test_told_to_stop_in_a_transaction_they_leave_nothing_half_done(
    bus: Bus, pool: Pool, log_server: NatsServer, tables_dsn: str, other_pool: Pool
) -> None:
    async with caught_in_a_transaction(bus, pool, log_server.url, tables_dsn) as (process, free):
        process.terminate()
        assert await process.wait() == 0
        await free()
        async with running(bus, pool):
            _, last = await append_calls(bus, 3)
            await caught_up(pool, last)
    await holds_what_one_runner_makes(bus, pool, other_pool, last)


async def holds_what_one_runner_makes(bus: Bus, pool: Pool, fresh: Pool, last: int) -> None:
    async with running(bus, fresh):
        await caught_up(fresh, last)
    assert await tables(pool) == await tables(fresh)
    positions = await pool.fetch("SELECT position FROM projection_positions")
    assert [row["position"] for row in positions] == [last] * len(PROJECTIONS)


async def tables_are_there(pool: Pool) -> bool:
    return await pool.fetchval("SELECT to_regclass('turns')") is not None


async def waits_for_a_lock(pool: Pool) -> bool:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(await pool.fetchval(waiting))


async def restarted_after_kill(server: PostgresServer) -> None:
    """The database dies by kill -9 and is there again."""
    os.kill(int(server.child.program.pid_file.read_text()), signal.SIGKILL)

    async def up() -> bool:
        try:
            await server.start()
        except ChildFailed:  # processes of the old one are still ending
            return False
        return True

    await eventually_async(up, 30)
