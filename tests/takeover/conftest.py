"""The real log, free of other tests' claims, and hosts as processes of their own."""

import uuid
from collections.abc import AsyncIterator

import pytest
from takeover_tools import ToolServer, tool_server

from contracts.ids import TenantId
from contracts.streams import CLAIMS
from infra.nats import Bus, connect, create_streams


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await connect(nats_url, name="takeover test")
    await create_streams(made)
    await made.js.purge_stream(CLAIMS.name)
    yield made
    await made.js.purge_stream(CLAIMS.name)
    await made.close()


@pytest.fixture
def tenant() -> TenantId:
    return TenantId(f"t{uuid.uuid4().hex}")


@pytest.fixture
async def tools() -> AsyncIterator[ToolServer]:
    async with tool_server(takes_s=1.0) as server:
        yield server
