"""One seeded database for all who only read it, and copies of it for those who do not."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from analysts_at_work import dsn_of, name_for
from seeded_calls import OURS, administer, seed

from infra.embedded import Addresses
from infra.postgres import Pool, connect_pool
from projections.views import analysts


def _dsn(stack: Addresses, database: str) -> str:
    return stack.postgres_dsn.replace("/partyline?", f"/{database}?")


@pytest.fixture(scope="session")
def seeded(stack: Addresses) -> Iterator[str]:
    """Address of the seeded database, as its owner. Only to be read."""
    name = f"seeded_{uuid.uuid4().hex}"

    async def fill() -> None:
        await administer(stack.postgres_dsn, f"CREATE DATABASE {name}")
        await seed(_dsn(stack, name))

    with ThreadPoolExecutor(1) as thread:  # a loop of its own
        thread.submit(asyncio.run, fill()).result()
        yield _dsn(stack, name)
        drop = administer(stack.postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")
        thread.submit(asyncio.run, drop).result()


@pytest.fixture(scope="session")
def analyst_dsn(seeded: str) -> Iterator[str]:
    """Address of the seeded database, as an analyst of ours."""

    async def as_owner(work: Callable[[Pool], Awaitable[None]]) -> None:
        pool = await connect_pool(seeded)
        await work(pool)
        await pool.close()

    name = name_for(OURS)
    with ThreadPoolExecutor(1) as thread:
        add = as_owner(lambda pool: analysts.add(pool, name, OURS, "a password"))
        thread.submit(asyncio.run, add).result()
        yield dsn_of(seeded, name)
        remove = as_owner(lambda pool: analysts.remove(pool, name))
        thread.submit(asyncio.run, remove).result()


@pytest.fixture
async def copy(stack: Addresses, seeded: str) -> AsyncIterator[str]:
    """Address of a copy of it, of this test's own."""
    source = seeded.rpartition("/seeded_")[2].partition("?")[0]
    name = f"copy_{uuid.uuid4().hex}"
    await administer(stack.postgres_dsn, f"CREATE DATABASE {name} TEMPLATE seeded_{source}")
    yield _dsn(stack, name)
    await administer(stack.postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def owner(copy: str) -> AsyncIterator[Pool]:
    pool = await connect_pool(copy)
    yield pool
    await pool.close()
