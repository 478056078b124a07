"""Any of three nodes may end: nothing acknowledged is lost, and every call keeps its host."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from cluster_town import AWAY, TENANT, WITHIN_S, Speaker, Town, open_town, stored
from eventually import eventually_async
from nats.aio.msg import Msg

from contracts.claim import Claim
from contracts.event import AgentRef, OwnerClaimed
from contracts.ids import AgentId, CallId, HostId, new_call_id, new_host_id
from contracts.recorded import Message
from contracts.streams import AUDIO, CALLS, CLAIMS, audio_subject
from infra.beside import beside
from infra.claims import Claims, Held, offer
from infra.embedded import Addresses
from infra.journal import NatsJournal
from infra.nats import Bus

pytestmark = pytest.mark.stack
CLAIMED = 10


@pytest.fixture
async def town(three_nodes: Addresses) -> AsyncIterator[Town]:
    async with open_town(three_nodes) as town:
        yield town


@pytest.fixture
async def speakers(town: Town) -> AsyncIterator[list[Speaker]]:
    speakers = [Speaker(await town.connect(), await town.connect()) for _ in range(4)]
    async with AsyncExitStack() as speaking:
        for speaker in speakers:
            await speaking.enter_async_context(speaker.speaking())
            await speaker.further()
        yield speakers
    for speaker in speakers:
        kept = await stored(town.bus, speaker.call)
        sequences, numbers = [sequence for sequence, _ in kept], [number for _, number in kept]
        assert numbers == list(range(len(numbers))), "lost, or stored twice"
        assert sequences == speaker.acknowledged
        assert sequences == speaker.followed


async def _all_further(speakers: list[Speaker]) -> None:
    await asyncio.gather(*(speaker.further() for speaker in speakers))


async def test_no_acknowledged_event_is_lost_or_missed_when_the_leader_is_killed(
    town: Town, speakers: list[Speaker]
) -> None:
    before = await town.leader(CALLS.name)
    town.end(before)
    await _all_further(speakers)
    await town.whole()
    await _all_further(speakers)


async def test_calls_go_on_while_all_three_nodes_are_restarted_in_turn(
    town: Town, speakers: list[Speaker]
) -> None:
    for number in (1, 2, 3):
        before = town.pid(f"partyline-{number}")
        town.end(f"partyline-{number}", signal.SIGTERM)
        await _all_further(speakers)
        await town.whole()
        assert town.pid(f"partyline-{number}") != before


@pytest.mark.parametrize("which", ["leader", "another"])
async def test_a_node_that_stands_still_is_left_and_nothing_acknowledged_is_lost(
    town: Town, speakers: list[Speaker], which: str
) -> None:
    """It keeps its connections and takes what is sent; its clients have to notice by themselves."""
    leader = await town.leader(CALLS.name)
    nodes = [leader, *sorted({f"partyline-{n}" for n in (1, 2, 3)} - {leader})]
    paused = town.pid(nodes[0] if which == "leader" else nodes[1])
    os.kill(paused, signal.SIGSTOP)
    try:
        await _all_further(speakers)
    finally:
        os.kill(paused, signal.SIGCONT)
    await town.whole()
    await _all_further(speakers)


async def _take_all(claims: Claims, taken: asyncio.Queue[Held]) -> None:
    while True:
        taken.put_nowait(await claims.take())


async def _offered(bus: Bus) -> CallId:
    """Offered until the log has it, as a gateway does: there may be no leader just now."""
    call = new_call_id()
    ref = AgentRef(agent=AgentId("a"), revision=1)
    claim = Claim(tenant=TENANT, call=call, role="dialog", agent=ref, rang_ms=1)

    async def taken() -> bool:
        try:
            await offer(bus, claim)
        except AWAY:
            return False
        return True

    await eventually_async(taken, WITHIN_S)
    return call


async def _own(bus: Bus, call: CallId, host: HostId) -> None:
    claimed = OwnerClaimed(at_ms=1, role="dialog", host=host, epoch=1)
    message = Message(by=host, events=(claimed,), epoch=1)
    await NatsJournal(bus).append(TENANT, call, "dialog", message, id=f"{call}:e1", after=0)


async def _deliveries(bus: Bus) -> asyncio.Queue[Msg]:
    """Claims of the role as JetStream hands them out, to whomever, again and again."""
    seen: asyncio.Queue[Msg] = asyncio.Queue()

    async def see(message: Msg) -> None:
        if message.reply.startswith(f"$JS.ACK.{CLAIMS.name}.claims-dialog."):
            seen.put_nowait(message)

    await bus.nc.subscribe("_INBOX.>", cb=see)
    await bus.nc.flush()
    return seen


async def _come(seen: asyncio.Queue[Msg], calls: set[CallId], again: bool) -> list[Msg]:
    """The deliveries of these calls' claims, once each has come: the first one, or a later one."""
    came: dict[CallId, Msg] = {}
    while came.keys() != calls:
        message = await seen.get()
        call = CallId(message.subject.rpartition(".")[2])
        if call in calls and again == (message.metadata.num_delivered > 1):
            came[call] = message
    return list(came.values())


async def test_living_hosts_keep_their_calls_through_a_leader_change_and_a_dead_one_is_followed(
    town: Town,
) -> None:
    buses = [await town.connect() for _ in range(2)]
    hosts = [HostId(new_host_id("dialog")) for _ in buses]
    living, newcomer = (Claims(bus, "dialog", host) for bus, host in zip(buses, hosts, strict=True))
    of_living, of_newcomer = asyncio.Queue[Held](), asyncio.Queue[Held]()
    async with asyncio.timeout(WITHIN_S), living, newcomer:
        leader = await town.leader(CLAIMS.name, "claims-dialog")
        watching = await town.connect(leader)  # through a node that stays
        seen = await _deliveries(watching)
        async with beside(_take_all(living, of_living)):
            calls = {await _offered(town.bus) for _ in range(CLAIMED)}
            held = [await of_living.get() for _ in calls]
            for call in calls:
                await _own(buses[0], call, hosts[0])
        async with beside(_take_all(newcomer, of_newcomer)):
            town.end(leader)
            fresh = await _offered(town.bus)
            first = await of_newcomer.get()  # one after the other: those before were left alone
            assert first.claim.call == fresh, "a call was taken from a living host"
            # A new leader hands out what was not reported to it in time: few, or all. Here all.
            for message in await _come(seen, calls, again=False):
                await watching.nc.publish(message.reply, b"-NAK")
            await _come(seen, calls, again=True)
            fresh = await _offered(town.bus)
            second = await of_newcomer.get()
            assert second.claim.call == fresh, "a call was taken from a living host"
            living.forget(held[0])  # what a killed process does: it falls silent
            third = await of_newcomer.get()
            assert third.claim.call == held[0].claim.call
        for each in (first, second, third, *held[1:]):
            await each.release()


async def test_audio_flows_while_the_node_that_keeps_it_is_away_and_is_kept_again_after(
    town: Town,
) -> None:
    keeper = await town.leader(AUDIO.name)
    gateway, listener = await town.connect(keeper), await town.connect(keeper)
    subject, heard = audio_subject(TENANT, new_call_id(), "caller"), asyncio.Queue[bytes]()
    await listener.sub(subject, heard.put_nowait)

    async def listened_to() -> bool:
        gateway.pub(subject, b"hello")
        return not heard.empty()

    await eventually_async(listened_to)  # every node has to learn of it
    town.end(keeper)
    frames = [b"%d" % number for number in range(50)]
    async with asyncio.timeout(WITHIN_S):
        for frame in frames:
            gateway.pub(subject, frame)
            while (arrived := await heard.get()) == b"hello":
                pass
            assert arrived == frame
        await town.whole()
        await town.bus.js.publish(subject, b"kept")
    last = await town.bus.js.get_last_msg(AUDIO.name, subject)
    assert last.data == b"kept"
