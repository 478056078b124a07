"""The real log, and hosts for calls on it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from lines import Hosts

from infra.nats import Bus, connect, create_streams
from services.dialog.tools import session


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await connect(nats_url, name="dialog-test")
    await create_streams(bus)
    yield bus
    await bus.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with session() as http:
        yield http


@pytest.fixture
async def hosts(bus: Bus, http: aiohttp.ClientSession) -> AsyncIterator[Hosts]:
    hosts = Hosts(bus, http)
    yield hosts
    await hosts.stop()
