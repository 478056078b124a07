"""The real servers, for every test that asks for them."""

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from stack_in_a_thread import stack_in_a_thread

from infra.embedded import Addresses

# Gateways that tests start as processes take every call, however slow the tests' machine is.
os.environ["PARTYLINE_BUSY_MS"] = "0"


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
    name = f"test_{uuid.uuid4().hex}"
    await _administer(stack, f"CREATE DATABASE {name}")
    yield stack.postgres_dsn.replace("/partyline?", f"/{name}?")
    await _administer(stack, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(stack: Addresses, statement: str) -> None:
    db = await asyncpg.connect(stack.postgres_dsn)
    try:
        await db.execute(statement)
    finally:
        await db.close()
