"""Two thousand idle calls on one real server: held, kept alive, written to, and taken over."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from eventually import eventually_async
from nats.aio.msg import Msg

from contracts.claim import Claim
from contracts.event import AgentRef, OwnerClaimed
from contracts.ids import AgentId, CallId, HostId, TenantId, new_call_id
from contracts.line import DigitPressed
from contracts.recorded import Message
from contracts.streams import CLAIMS
from infra.call_log import CallLog
from infra.claims import Claims, Held, offer
from infra.journal import NatsJournal, sequence_of
from infra.nats import Bus, connect
from infra.nats_server import NatsServer
from infra.nats_system import ask_traffic

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

CALLS_AT_A_TIME = 2_000
DYING = 400  # of them, held by the host that dies
TENANT = TenantId("scale")
REF = AgentRef(agent=AgentId("a"), revision=1)


class Host:
    """A process that holds calls, as seen by the server: a connection of its own."""

    def __init__(self, name: str, bus: Bus, claims: Claims) -> None:
        self.name, self.bus, self.claims = name, bus, claims
        self.calls: set[CallId] = set()
        self.took_over: set[CallId] = set()

    async def take(self, count: int) -> None:
        """Claim calls in the log as the recogniser does, so many."""
        for _ in range(count):
            held = await self.claims.take()
            await self._claim(held)

    async def _claim(self, held: Held) -> None:
        call, epoch = held.claim.call, 2 if held.takeover else 1
        claimed = OwnerClaimed(at_ms=1, role="stt", host=self.name, epoch=epoch)
        message = Message(by=self.name, events=(claimed,), epoch=epoch)
        journal = NatsJournal(self.bus)
        await journal.append(TENANT, call, "transcript", message, id=f"{call}:{epoch}")
        self.calls.add(call)
        if held.takeover:
            self.took_over.add(call)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hosts(own_server: NatsServer, own_bus: Bus) -> AsyncIterator[tuple[Host, Host]]:
    """One that lives and one that will die, with all calls between them."""
    rung = [new_call_id() for _ in range(CALLS_AT_A_TIME)]
    async with AsyncExitStack() as stack:
        living, dying = [await _host(stack, own_server, name) for name in ("living", "dying")]
        async with asyncio.TaskGroup() as group:
            group.create_task(_offer(own_bus, rung))
            group.create_task(living.take(CALLS_AT_A_TIME - DYING))
            group.create_task(dying.take(DYING))
        yield living, dying


async def _host(stack: AsyncExitStack, server: NatsServer, name: str) -> Host:
    bus = await connect(server.url, name=name)
    stack.push_async_callback(bus.close)
    return Host(name, bus, await stack.enter_async_context(Claims(bus, "stt", HostId(name))))


async def _offer(bus: Bus, calls: Sequence[CallId]) -> None:
    for start in range(0, len(calls), 100):
        claims = [
            Claim(tenant=TENANT, call=call, role="stt", agent=REF, rang_ms=1)
            for call in calls[start : start + 100]
        ]
        await asyncio.gather(*(offer(bus, claim) for claim in claims))


async def test_each_of_two_thousand_calls_has_one_host(
    own_bus: Bus, hosts: tuple[Host, Host]
) -> None:
    living, dying = hosts
    assert len(living.calls | dying.calls) == CALLS_AT_A_TIME
    assert not living.calls & dying.calls
    held = await own_bus.js.consumer_info(CLAIMS.name, "claims-stt")
    assert (held.num_ack_pending, held.num_pending) == (CALLS_AT_A_TIME, 0)


async def test_two_thousand_idle_calls_stay_with_their_hosts(
    own_server: NatsServer, own_bus: Bus, hosts: tuple[Host, Host]
) -> None:
    """Each is reported every half second; without that a claim comes again after two."""
    before = (await ask_traffic(own_server.system_url)).in_msgs

    async def reported_six_times() -> bool:
        heard = (await ask_traffic(own_server.system_url)).in_msgs - before
        return heard >= 6 * CALLS_AT_A_TIME

    await eventually_async(reported_six_times, within_s=60)
    held = await own_bus.js.consumer_info(CLAIMS.name, "claims-stt")
    assert (held.num_ack_pending, held.num_redelivered) == (CALLS_AT_A_TIME, 0)


async def test_the_log_keeps_the_owners_of_two_thousand_calls_apart(
    own_bus: Bus, hosts: tuple[Host, Host]
) -> None:
    living, dying = hosts
    assert set(await CallLog(own_bus).calls(TENANT)) == living.calls | dying.calls
    call = next(iter(living.calls))
    (recorded,) = [each async for each in NatsJournal(own_bus).read(TENANT, call)]
    assert recorded.message.by == "living"


async def test_what_happens_in_a_thousand_calls_at_once_is_stored_and_told_to_those_who_follow(
    own_bus: Bus, hosts: tuple[Host, Host]
) -> None:
    followed: list[int] = []

    async def on_live(message: Msg) -> None:
        followed.append(sequence_of(message))

    await own_bus.nc.subscribe(f"live.call.{TENANT}.*.line", cb=on_live)
    await own_bus.nc.flush()
    journal, pressed = NatsJournal(own_bus, patience_s=60), DigitPressed(at_ms=1, digit="1")
    message = Message(by="gateway", events=(pressed,))
    speaking = list(hosts[0].calls)[:1_000]
    stored = await asyncio.gather(
        *(
            journal.append(TENANT, call, "line", message, id=f"{call}:pressed", after=0)
            for call in speaking
        )
    )

    async def all_told() -> bool:
        return len(followed) == len(speaking)

    await eventually_async(all_told)
    assert followed == sorted(each.sequence for each in stored)


async def test_the_calls_of_a_host_that_dies_go_to_another_and_only_those(
    own_bus: Bus, hosts: tuple[Host, Host]
) -> None:
    living, dying = hosts
    taking = asyncio.create_task(living.take(DYING))
    dying.bus.nc._transport.close()  # as a killed process leaves it
    await dying.bus.close()
    await asyncio.wait_for(taking, 60)
    assert living.took_over == dying.calls
    assert len(living.calls) == CALLS_AT_A_TIME
    held = await own_bus.js.consumer_info(CLAIMS.name, "claims-stt")
    assert held.num_ack_pending == CALLS_AT_A_TIME
