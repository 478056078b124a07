"""Batches that PostgreSQL makes a runner give up: they are tried again, and count once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from eventually import eventually_async
from logs import append_calls, running, tables

from infra.nats import Bus
from infra.postgres import Pool, connect_pool
from projections import PROJECTIONS
from projections.run import caught_up

pytestmark = pytest.mark.stack


@asynccontextmanager
async def another(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Somebody else's connection, in a transaction."""
    db = await asyncpg.connect(dsn)
    await db.execute("BEGIN")
    try:
        yield db
    finally:
        db.terminate()


async def test_a_batch_that_lost_a_deadlock_is_tried_again(
    bus: Bus, tables_dsn: str, other_pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    # PostgreSQL looks once, so long after somebody began to wait: it must be a deadlock by then.
    await set_for_new_connections(tables_dsn, "deadlock_timeout", "'3s'")
    pool = await connect_pool(tables_dsn)
    async with running(bus, pool):
        _, last = await append_calls(bus, 1)
        await caught_up(pool, last)
        async with another(tables_dsn) as db:
            await db.execute("SET LOCAL deadlock_timeout = '1min'")  # let the runner give way
            await db.execute("LOCK TABLE turns_1.turns IN ACCESS EXCLUSIVE MODE")
            _, last = await append_calls(bus, 1)
            await eventually_async(lambda: somebody_waits(pool))
            await db.execute("UPDATE projection_positions SET updated_at = now()")
            await db.execute("ROLLBACK")
        await caught_up(pool, last)
    assert said(caplog, "DeadlockDetectedError")
    await holds_what_one_runner_makes(bus, pool, other_pool, last)
    await pool.close()


async def test_a_batch_that_could_not_be_serialised_is_tried_again(
    bus: Bus, tables_dsn: str, other_pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a database's own default is stricter than PostgreSQL's."""
    await set_for_new_connections(tables_dsn, "default_transaction_isolation", "'serializable'")
    pool = await connect_pool(tables_dsn)
    async with running(bus, pool):
        _, last = await append_calls(bus, 1)
        await caught_up(pool, last)
        async with another(tables_dsn) as db:
            await db.execute("UPDATE projection_positions SET updated_at = now()")
            _, last = await append_calls(bus, 10)
            await eventually_async(lambda: somebody_waits(pool))
            await db.execute("COMMIT")
        await caught_up(pool, last)
    assert said(caplog, "SerializationError")
    await holds_what_one_runner_makes(bus, pool, other_pool, last)
    await pool.close()


async def test_two_runners_of_a_strict_database_count_nothing_twice(
    bus: Bus, tables_dsn: str, other_pool: Pool
) -> None:
    await set_for_new_connections(tables_dsn, "default_transaction_isolation", "'serializable'")
    pool = await connect_pool(tables_dsn)
    async with running(bus, pool), running(bus, pool):
        for _ in range(5):
            _, last = await append_calls(bus, 10)
        await caught_up(pool, last, within_s=30)
    await holds_what_one_runner_makes(bus, pool, other_pool, last)
    await pool.close()


async def set_for_new_connections(dsn: str, name: str, value: str) -> None:
    db = await asyncpg.connect(dsn)
    database = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE {database} SET {name} = {value}")
    await db.close()


async def somebody_waits(pool: Pool) -> bool:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(await pool.fetchval(waiting))


def said(caplog: pytest.LogCaptureFixture, kind: str) -> bool:
    return any(message.endswith(f"waits for PostgreSQL: {kind}") for message in caplog.messages)


async def holds_what_one_runner_makes(bus: Bus, pool: Pool, fresh: Pool, last: int) -> None:
    async with running(bus, fresh):
        await caught_up(fresh, last)
    assert await tables(pool) == await tables(fresh)
    positions = await pool.fetch("SELECT position FROM projection_positions")
    assert [row["position"] for row in positions] == [last] * len(PROJECTIONS)
