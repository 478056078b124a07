"""A log and a database of each test's own."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infra.data_folder import make_folders
from infra.embedded import Addresses
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from infra.postgres import Pool, connect_pool
from infra.postgres_server import PostgresServer


@pytest.fixture
async def empty_pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    """Of a database in which no projection ever ran."""
    pool = await connect_pool(postgres_dsn)
    yield pool
    await pool.close()


@pytest.fixture
async def pool(tables_dsn: str) -> AsyncIterator[Pool]:
    pool = await connect_pool(tables_dsn)
    yield pool
    await pool.close()


@pytest.fixture
async def other_pool(stack: Addresses) -> AsyncIterator[Pool]:
    """A second empty database, to compare with."""
    name = f"other_{uuid.uuid4().hex}"
    db = await asyncpg.connect(stack.postgres_dsn)
    await db.execute(f"CREATE DATABASE {name}")
    pool = await connect_pool(stack.postgres_dsn.replace("/partyline?", f"/{name}?"))
    yield pool
    await pool.close()
    await db.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await db.close()


@pytest.fixture
async def log_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A nats-server of this test's own: the runners read whole logs."""
    server = NatsServer(make_folders(tmp_path / "log"), "secret")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def bus(log_server: NatsServer) -> AsyncIterator[Bus]:
    bus = await connect(log_server.url, name="test")
    await create_streams(bus)
    yield bus
    await bus.close()


@pytest.fixture
async def database_server(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL of this test's own, to stop and start."""
    server = PostgresServer(make_folders(tmp_path / "database"))
    await server.start()
    yield server
    await server.stop()
