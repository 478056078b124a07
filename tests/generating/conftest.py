"""A log of each test's own: what is generated is the whole of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.data_folder import make_folders
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer


@pytest.fixture
async def log_url(tmp_path: Path) -> AsyncIterator[str]:
    server = NatsServer(make_folders(tmp_path / "log"), "secret")
    await server.start()
    yield server.url
    await server.stop()


@pytest.fixture
async def log(log_url: str) -> AsyncIterator[Bus]:
    bus = await connect(log_url, name="test")
    await create_streams(bus)
    yield bus
    await bus.close()
