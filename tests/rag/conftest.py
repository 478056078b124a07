"""A real nats-server for each test, so that it may be emptied, poisoned and restarted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rag_town import Town

from infra.data_folder import make_folders
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer
from services.rag.store import Store


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    data = make_folders(tmp_path / "data")
    server = NatsServer(data, "secret")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def town(server: NatsServer, tmp_path: Path) -> AsyncIterator[Town]:
    bus = await connect(server.url, name="test")
    await create_streams(bus)
    yield Town(bus, server.url, tmp_path)
    await bus.close()


@pytest.fixture
async def store(town: Town) -> AsyncIterator[Store]:
    store = await town.open_store()
    yield store
    await store.close()
