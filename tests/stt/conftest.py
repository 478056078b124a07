"""What the tests of the recognition service share."""

import uuid
from collections.abc import AsyncIterator

import pytest
from stt_doubles import Recording

from contracts.streams import CLAIMS
from infra.nats import Bus, connect, create_streams


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await connect(nats_url, name="stt test")
    await create_streams(made)
    await made.js.purge_stream(CLAIMS.name)  # claims of other tests' calls
    yield made
    await made.close()


@pytest.fixture
def tenant() -> str:
    return f"t{uuid.uuid4().hex}"


@pytest.fixture
def recording() -> Recording:
    return Recording()
