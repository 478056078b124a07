"""The log of calls, on one real server and on three: they differ in how they answer a retry."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.agent import Agent
from contracts.claim import Claim
from contracts.event import AgentRef, OwnerClaimed
from contracts.ids import AgentId, CallId, HostId, TenantId, new_call_id, new_host_id
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.line import DigitPressed, LineAnswered
from contracts.recorded import Message, Recorded
from contracts.streams import FAMILIES, audio_subject
from infra.agents import Agents
from infra.claims import Claims, Held, offer
from infra.embedded import Addresses
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus, connect, create_streams

TENANT = TenantId("journal")


@pytest.fixture(params=["stack", "three_nodes"], ids=["one-node", "three-nodes"])
def log_url(request: pytest.FixtureRequest) -> str:
    addresses: Addresses = request.getfixturevalue(request.param)
    return addresses.nats_url


@pytest.fixture
async def bus(log_url: str) -> AsyncIterator[Bus]:
    bus = await connect(log_url, name="test")
    await create_streams(bus)
    yield bus
    await bus.close()


@pytest.fixture
def call() -> CallId:
    return new_call_id()


def said(stream: str = "MZ1") -> Message:
    return Message(by="gateway-1", events=(LineAnswered(at_ms=1, stream=stream),))


async def test_what_was_appended_is_read_back_in_order(bus: Bus, call: CallId) -> None:
    journal = NatsJournal(bus)
    first = await journal.append(TENANT, call, "line", said("a"), id=f"{call}:a")
    await journal.append(TENANT, call, "line", said("b"), id=f"{call}:b")
    history = [recorded async for recorded in journal.read(TENANT, call)]
    assert [r.message for r in history] == [said("a"), said("b")]
    assert history[0].sequence == first.sequence
    assert history[0].stored_ms > 1_700_000_000_000


async def test_a_reader_sees_at_once_what_was_just_stored(bus: Bus, call: CallId) -> None:
    """Any copy of the stream answers a batch, also one that is behind."""
    journal = NatsJournal(bus)
    for number in range(1, 201):
        stored = await journal.append(TENANT, call, "line", said(), id=f"{call}:{number}")
        history = [r.sequence async for r in journal.read(TENANT, call)]
        assert (len(history), history[-1]) == (number, stored.sequence)


async def test_the_same_id_is_stored_once(bus: Bus, call: CallId) -> None:
    journal = NatsJournal(bus)
    first = await journal.append(TENANT, call, "line", said(), id=f"{call}:a")
    again = await journal.append(TENANT, call, "line", said(), id=f"{call}:a")
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.sequence == first.sequence


async def test_a_second_owner_is_refused(bus: Bus, call: CallId) -> None:
    journal = NatsJournal(bus)
    await journal.append(TENANT, call, "dialog", said("mine"), id=f"{call}:1", after=0)
    with pytest.raises(WrongVersion):
        await journal.append(TENANT, call, "dialog", said("late"), id=f"{call}:2", after=0)


async def test_an_append_whose_answer_was_lost_is_known_as_our_own(bus: Bus, call: CallId) -> None:
    journal = NatsJournal(bus)
    first = await journal.append(TENANT, call, "dialog", said(), id=f"{call}:1", after=0)
    again = await journal.append(TENANT, call, "dialog", said(), id=f"{call}:1", after=0)
    assert again.sequence == first.sequence


async def test_a_stale_owners_copy_of_a_stored_message_does_not_pass_for_its_own(
    bus: Bus, call: CallId
) -> None:
    journal = NatsJournal(bus)
    await journal.append(TENANT, call, "transcript", said("new"), id=f"{call}:u1", after=0)
    with pytest.raises(WrongVersion):
        await journal.append(TENANT, call, "transcript", said("stale"), id=f"{call}:u1", after=0)


async def test_a_call_is_followed_from_its_history_into_the_present(bus: Bus, call: CallId) -> None:
    journal = NatsJournal(bus)
    await journal.append(TENANT, call, "line", said("a"), id=f"{call}:a")
    following = await follow(bus, journal, TENANT, call)
    await journal.append(TENANT, call, "line", said("b"), id=f"{call}:b")
    await bus.nc.publish(f"call.{TENANT}.{call}.line", b'{"by":"x","events":[{"type":"?"}]}')
    pressed = Message(by="g", events=(DigitPressed(at_ms=2, digit="1"),))
    await journal.append(TENANT, call, "line", pressed, id=f"{call}:c")
    seen = []
    async with asyncio.timeout(5):
        async for recorded in following:
            seen.append(recorded.message)
            if len(seen) == 3:
                await following.close()
    assert seen == [said("a"), said("b"), pressed]


async def test_a_call_is_followed_in_the_order_its_families_were_stored(
    bus: Bus, call: CallId
) -> None:
    journal = NatsJournal(bus)
    following = await follow(bus, journal, TENANT, call, families=("line", "transcript"))
    for number in range(20):
        family = FAMILIES[number % 3]
        await journal.append(TENANT, call, family, said(str(number)), id=f"{call}:{number}")
    sequences = []
    async with asyncio.timeout(5):
        async for recorded in following:
            sequences.append(recorded.sequence)
            if len(sequences) == 14:
                await following.close()
    assert sequences == sorted(sequences)


class AwayOnce(NatsJournal):
    """The log does not answer the first read."""

    answers = False

    async def read(self, *place: Any, **options: Any) -> AsyncIterator[Recorded]:
        if not self.answers:
            self.answers = True
            raise JournalUnavailable("the log did not answer")
        async for recorded in super().read(*place, **options):
            yield recorded


async def test_following_reads_again_until_the_log_has_answered(bus: Bus, call: CallId) -> None:
    journal = AwayOnce(bus)
    stored = await journal.append(TENANT, call, "line", said(), id=f"{call}:a")
    async with asyncio.timeout(5):
        following = await follow(bus, journal, TENANT, call)
        first = await anext(aiter(following))
    assert first.sequence == stored.sequence
    await following.close()


class Counted(NatsJournal):
    """How often a call is read."""

    reads = 0

    async def read(self, *place: Any, **options: Any) -> AsyncIterator[Recorded]:
        self.reads += 1
        async for recorded in super().read(*place, **options):
            yield recorded


async def test_a_call_of_which_nothing_was_missed_is_not_read_again(bus: Bus, call: CallId) -> None:
    journal = Counted(bus)
    following = await follow(bus, journal, TENANT, call, families=("line", "passages"))
    for number in range(3):
        await journal.append(TENANT, call, "line", said(str(number)), id=f"{call}:{number}")
    async with asyncio.timeout(5):
        given = aiter(following)
        assert [(await anext(given)).message for _ in range(3)] == [said("0"), said("1"), said("2")]
        await following.catch_up()
    await following.close()
    assert journal.reads == 1  # at the start


async def test_frames_travel_without_anybody_waiting(bus: Bus, call: CallId) -> None:
    heard: list[bytes] = []
    arrived = asyncio.Event()

    def on_frame(frame: bytes) -> None:
        heard.append(frame)
        if len(heard) == 2:
            arrived.set()

    subject = audio_subject(TENANT, call, "caller")
    subscription = await bus.sub(subject, on_frame)
    await bus.nc.flush()
    bus.pub(subject, b"one")
    bus.pub(subject, b"two")
    await asyncio.wait_for(arrived.wait(), 5)
    await subscription.unsubscribe()
    assert heard == [b"one", b"two"]


async def test_an_agent_gets_a_revision_for_each_change(bus: Bus) -> None:
    agents = Agents(bus)
    first = await agents.publish(TENANT, Agent(name="receptionist"))
    assert await agents.publish(TENANT, Agent(name="receptionist")) == first
    second = await agents.publish(TENANT, Agent(name="receptionist", title="New"))
    assert (first.revision, second.revision) == (1, 2)
    assert (await Agents(bus).get(TENANT, first)).title == ""
    assert (await Agents(bus).get(TENANT, second)).title == "New"


@pytest.fixture
async def second_bus(log_url: str) -> AsyncIterator[Bus]:
    bus = await connect(log_url, name="other")
    yield bus
    await bus.close()


async def taken(claims: Claims, call: CallId) -> Held:
    """The claim on `call`; claims that other tests left behind are let go for good."""
    async with asyncio.timeout(15):
        while (held := await claims.take()).claim.call != call:
            await held.release()
    return held


async def test_a_living_owner_keeps_its_call_and_a_dead_one_loses_it(
    bus: Bus, second_bus: Bus, call: CallId
) -> None:
    journal = NatsJournal(bus)
    mine, other = new_host_id("stt"), new_host_id("stt")
    ref = AgentRef(agent=AgentId("a"), revision=1)
    await offer(bus, Claim(tenant=TENANT, call=call, role="stt", agent=ref, rang_ms=1))
    owner = Claims(bus, "stt", mine)
    async with owner, Claims(second_bus, "stt", other) as newcomer:
        held = await taken(owner, call)
        assert not held.takeover
        claimed = OwnerClaimed(at_ms=1, role="stt", host=HostId(mine), epoch=1)
        message = Message(by=mine, events=(claimed,), epoch=1)
        await journal.append(TENANT, call, "transcript", message, id=f"{call}:e1", after=0)
        owner.forget(held)  # what a killed process does: it falls silent
        again = await taken(newcomer, call)
        assert again.takeover
        await again.release()
