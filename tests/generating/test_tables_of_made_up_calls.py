"""The projections take made-up calls as they take real ones."""

from collections.abc import AsyncIterator

import pytest
from agents_followed import agents_followed
from logs import running

from contracts.ids import TenantId
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.postgres import Pool, connect_pool
from loadtest.generating import generate
from projections.parking import all_parked
from projections.run import caught_up
from services.cli.verifying import verify_log

pytestmark = pytest.mark.stack


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    pool = await connect_pool(postgres_dsn)
    yield pool
    await pool.close()


async def test_no_made_up_call_is_parked_and_every_row_follows_from_the_log(
    log: Bus, pool: Pool
) -> None:
    async with running(log, pool):
        done = await generate(log, 40, 7)
        await caught_up(pool, done.last)
        await agents_followed(log, pool)
        assert await all_parked(pool) == ()
        found = await verify_log(log, NatsJournal(log), Agents(log), pool, TenantId("main"))
    assert found.whole
    assert found.rows > done.events
    assert await pool.fetchval("SELECT count(*) FROM calls") == done.calls
