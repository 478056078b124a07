"""A gateway over real NATS."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from gateway_house import House

from infra.nats import connect, create_streams


@pytest.fixture
async def house(nats_url: str) -> AsyncIterator[House]:
    bus = await connect(nats_url, name="tests")
    await create_streams(bus)
    async with AsyncExitStack() as leaving:
        house = House(bus, leaving)
        await house.publish()
        await house.host()
        yield house
    await bus.close()
