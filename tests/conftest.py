"""The real servers, for every test that asks for them."""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import asyncpg
import pytest
from stack_in_a_thread import stack_in_a_thread

from infra.embedded import Addresses
from infra.postgres import connect_pool
from projections import PROJECTIONS
from projections.schema import prepare
from projections.views.making import make_views

_USUAL_S = 120  # pyproject's timeout


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests are given longer than usual come first: at the end, each would leave the
    other workers without work."""
    items.sort(key=_given_s, reverse=True)


def _given_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return max(mark.args[0], _USUAL_S) if mark else _USUAL_S


# Gateways that tests start as processes take every call, however slow the tests' machine is.
os.environ["PARTYLINE_BUSY_MS"] = "0"
# What is tested is the source, whatever was compiled here.
os.environ["PARTYLINE_COMPILED"] = os.devnull


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """One embedded stack for the whole run, started by the first test that wants it.

    It has a loop of its own, so tests on any loop may use it. Its streams and claims are shared:
    stay apart by tenant ids, or by stream names of your own.
    """
    data = tmp_path_factory.mktemp("stack")
    with stack_in_a_thread(data) as addresses:
        yield addresses
    shutil.rmtree(data)


@pytest.fixture
def nats_url(stack: Addresses) -> str:
    """The shared nats-server, with its credential."""
    return stack.nats_url


@pytest.fixture
async def postgres_dsn(stack: Addresses) -> AsyncIterator[str]:
    """An empty database of this test's own."""
    async with _database(stack) as dsn:
        yield dsn


@pytest.fixture
async def tables_dsn(stack: Addresses, made_tables: str) -> AsyncIterator[str]:
    """A database of this test's own with all tables and views, in which nothing is yet."""
    async with _database(stack, f"TEMPLATE {made_tables}") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def made_tables(stack: Addresses) -> str:
    """What is copied for those who need tables but do not test how they are made, which takes
    longer than most of what is done with them."""
    name = f"tables_{uuid.uuid4().hex}"

    async def make() -> None:
        await _administer(stack, f"CREATE DATABASE {name}")
        pool = await connect_pool(_dsn(stack, name))
        for projection in PROJECTIONS:
            await prepare(pool, projection)
        async with pool.acquire() as db, db.transaction():
            await make_views(db)
        await pool.close()

    with ThreadPoolExecutor(1) as thread:  # a loop of its own
        thread.submit(asyncio.run, make()).result()
    return name


@asynccontextmanager
async def _database(stack: Addresses, made_from: str = "") -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    await _administer(stack, f"CREATE DATABASE {name} {made_from}")
    yield _dsn(stack, name)
    await _administer(stack, f"DROP DATABASE {name} WITH (FORCE)")


def _dsn(stack: Addresses, database: str) -> str:
    return stack.postgres_dsn.replace("/partyline?", f"/{database}?")


async def _administer(stack: Addresses, statement: str) -> None:
    db = await asyncpg.connect(stack.postgres_dsn)
    try:
        await db.execute(statement)
    finally:
        await db.close()
