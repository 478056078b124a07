"""A log of each test's own, for those that tamper with it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from memory_log import TENANT
from msgspec.structs import replace
from scenes import AGENT, REF
from tampering import Log

from infra.agents import Agents
from infra.data_folder import make_folders
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    """A nats-server with nothing in it but the revisions of the scenes' agent."""
    server = NatsServer(make_folders(tmp_path / "log"), "secret")
    await server.start()
    bus = await connect(server.url, name="test")
    await create_streams(bus)
    while (await Agents(bus).publish(TENANT, AGENT)) != REF:
        await Agents(bus).publish(TENANT, replace(AGENT, title="An older one"))
    yield Log(bus)
    await bus.close()
    await server.stop()
