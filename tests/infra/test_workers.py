"""Workers of decisions: what comes to them, and what is acknowledged without them."""

import uuid
from collections.abc import AsyncIterator

import pytest
from acknowledged import all_acknowledged
from faststream.nats import NatsMessage

from contracts.ids import HostId, TenantId, new_call_id
from contracts.streams import call_subject
from infra.nats import Bus, connect, create_streams
from infra.workers import Deliveries, on_decisions, worker_broker, working

pytestmark = pytest.mark.stack
TENANT, HOST = TenantId("practice"), HostId("worker-test")


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await connect(nats_url, name="test")
    await create_streams(bus)
    yield bus
    await bus.close()


class Worker:
    """Takes what has `wanted` in it, and says so."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self.durable = bus, f"test-{uuid.uuid4().hex}"
        self.taken: list[bytes] = []

    async def take(self, message: NatsMessage) -> None:
        self.taken.append(message.body)
        await message.ack()

    async def decide(self, *payloads: bytes) -> None:
        subject = call_subject(TENANT, new_call_id(), "dialog")
        for payload in payloads:
            await self._bus.js.publish(subject, payload)

    async def done(self) -> None:
        """Return when all that was decided is acknowledged."""
        await all_acknowledged(self._bus.js, self.durable)


async def test_only_what_is_wanted_comes_and_all_is_acknowledged(bus: Bus, nats_url: str) -> None:
    worker = Worker(bus)
    async with working(worker_broker(nats_url, HOST)) as broker:
        deliveries = _deliveries(broker, worker)
        await deliveries.start()
        mine = uuid.uuid4().hex.encode()
        await worker.decide(b"of no use", b"wanted " + mine, b"of no use", b"wanted last")
        await worker.done()
        assert [each for each in worker.taken if mine in each or b"no use" in each] == [
            b"wanted " + mine
        ]
        await deliveries.stop()


def _deliveries(broker: object, worker: Worker) -> Deliveries:
    return on_decisions(
        broker,  # type: ignore[arg-type]
        worker.durable,
        worker.take,
        lambda payload: payload.startswith(b"wanted"),
        stale_s=0,
        redeliver_s=30,
    )
