"""A real nats-server for each test, because workers share one durable consumer of a stream."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from exchange import Exchange

from infra.data_folder import make_folders
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    server = NatsServer(make_folders(tmp_path / "data"), "secret")
    await server.start()
    bus = await connect(server.url, name="test")
    await create_streams(bus)
    exchange = Exchange(bus, server)
    await exchange.listen()
    yield exchange
    await bus.close()
    await server.stop()
