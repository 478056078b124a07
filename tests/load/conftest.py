"""A server of its own for what fills one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.data_folder import make_folders
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def own_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    server = NatsServer(make_folders(tmp_path_factory.mktemp("own") / "data"), "secret")
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def own_bus(own_server: NatsServer) -> AsyncIterator[Bus]:
    bus = await connect(own_server.url, name="test")
    await create_streams(bus)
    yield bus
    await bus.close()
