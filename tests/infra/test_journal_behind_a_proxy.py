"""The log of calls behind a proxy that loses, delays, doubles and cuts, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from nats_fates import CUT_AFTER, CUT_BEFORE, LOST, PASS, TWICE, Fate, in_turn
from nats_proxy import Proxy, proxy

from contracts.ids import CallId, TenantId, new_call_id
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.line import LineAnswered
from contracts.recorded import Message
from contracts.streams import CALLS, Family
from infra.embedded import Addresses
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus, connect, create_streams

TENANT = TenantId("flaky")
LATE = Fate(late_s=0.4)  # the first retry is answered before

PUBLISHES = {"lost": LOST, "late": LATE, "twice": TWICE, "cut before": CUT_BEFORE}
ANSWERS = {"lost": LOST, "late": LATE, "twice": TWICE, "cut before": CUT_BEFORE, "cut": CUT_AFTER}
SERVED = [0, None]  # with the version checked, and without


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Bus]:
    bus = await connect(url, name="test")
    try:
        yield bus
    finally:
        await bus.close()


@pytest.fixture
async def direct(nats_url: str) -> AsyncIterator[Bus]:
    async with connected(nats_url) as bus:
        await create_streams(bus)
        yield bus


@pytest.fixture
async def between(nats_url: str, direct: Bus) -> AsyncIterator[Proxy]:
    async with proxy(nats_url) as between:
        yield between


@pytest.fixture
async def flaky(between: Proxy) -> AsyncIterator[Bus]:
    async with connected(between.url) as bus:
        yield bus


@pytest.fixture
def call() -> CallId:
    return new_call_id()


def said(text: str) -> Message:
    return Message(by="host-1", events=(LineAnswered(at_ms=1, stream=text),))


async def stored(bus: Bus, call: CallId) -> list[tuple[int, Message]]:
    """The log itself, past every proxy."""
    return [(r.sequence, r.message) async for r in NatsJournal(bus).read(TENANT, call)]


@pytest.mark.parametrize("after", SERVED)
@pytest.mark.parametrize("fate", PUBLISHES)
async def test_an_append_whose_publish_goes_astray_is_stored_once(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId, fate: str, after: int | None
) -> None:
    between.publishes = in_turn(PUBLISHES[fate])
    journal = NatsJournal(flaky)
    appended = await journal.append(TENANT, call, "line", said("a"), id=f"{call}:a", after=after)
    assert not appended.duplicate
    assert await stored(direct, call) == [(appended.sequence, said("a"))]


@pytest.mark.parametrize("after", SERVED)
@pytest.mark.parametrize("fate", ANSWERS)
async def test_an_append_whose_acknowledgement_goes_astray_is_stored_once(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId, fate: str, after: int | None
) -> None:
    between.answers = in_turn(ANSWERS[fate])
    journal = NatsJournal(flaky)
    appended = await journal.append(TENANT, call, "line", said("a"), id=f"{call}:a", after=after)
    assert not appended.duplicate
    assert await stored(direct, call) == [(appended.sequence, said("a"))]


@pytest.mark.parametrize("after", SERVED)
async def test_a_connection_cut_behind_a_publish_that_arrived_does_not_store_it_again(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId, after: int | None
) -> None:
    between.publishes = in_turn(CUT_AFTER)
    journal = NatsJournal(flaky)
    appended = await journal.append(TENANT, call, "line", said("a"), id=f"{call}:a", after=after)
    assert between.connections == 2
    assert await stored(direct, call) == [(appended.sequence, said("a"))]


async def test_a_late_acknowledgement_is_not_taken_for_the_next_appends(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId
) -> None:
    between.answers = in_turn(LATE)
    journal = NatsJournal(flaky)
    sequence, expected = 0, []
    for number in range(200):
        message = said(str(number))
        appended = await journal.append(
            TENANT, call, "dialog", message, id=f"{call}:{number}", after=sequence
        )
        sequence = appended.sequence
        expected.append((sequence, message))
    assert await stored(direct, call) == expected


async def test_nothing_is_lost_or_doubled_while_the_server_cannot_be_reached(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId
) -> None:
    journal = NatsJournal(flaky)
    async with between.away():
        waiting = asyncio.create_task(
            journal.append(TENANT, call, "dialog", said("a"), id=f"{call}:a", after=0)
        )
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
    appended = await waiting
    assert await stored(direct, call) == [(appended.sequence, said("a"))]


async def test_what_was_given_up_while_the_log_was_away_is_not_sent_later(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId
) -> None:
    impatient = NatsJournal(flaky, patience_s=0.3)
    async with between.away():
        between.answers = in_turn(LOST)
        for number in range(2):  # the first may meet the connection before it is known to be away
            with pytest.raises(JournalUnavailable):
                await impatient.append(TENANT, call, "line", said("a"), id=f"{call}:{number}")
    last = await NatsJournal(flaky).append(TENANT, call, "line", said("b"), id=f"{call}:b")
    assert (await stored(direct, call))[-1] == (last.sequence, said("b"))
    assert between.published <= 2


@pytest.mark.parametrize("after", SERVED)
@pytest.mark.parametrize("arrives", [True, False])
async def test_what_was_unavailable_is_stored_once_when_appended_again(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId, after: int | None, arrives: bool
) -> None:
    impatient = NatsJournal(flaky, patience_s=0.3)
    between.publishes = lambda _: Fate(copies=int(arrives))
    between.answers = lambda _: LOST
    with pytest.raises(JournalUnavailable):
        await impatient.append(TENANT, call, "line", said("a"), id=f"{call}:a", after=after)
    assert len(await stored(direct, call)) == int(arrives)
    between.publishes = between.answers = in_turn()
    again = NatsJournal(flaky)
    appended = await again.append(TENANT, call, "line", said("a"), id=f"{call}:a", after=after)
    assert await stored(direct, call) == [(appended.sequence, said("a"))]


@pytest.mark.parametrize(("id", "text"), [("b", "ours"), ("a", "ours"), ("b", "theirs")])
async def test_an_append_that_lost_its_race_and_the_refusal_never_passes_for_stored(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId, id: str, text: str
) -> None:
    theirs = await NatsJournal(direct).append(
        TENANT, call, "dialog", said("theirs"), id=f"{call}:a", after=0
    )
    between.answers = in_turn(LOST)
    with pytest.raises(WrongVersion):
        await NatsJournal(flaky).append(
            TENANT, call, "dialog", said(text), id=f"{call}:{id}", after=0
        )
    assert await stored(direct, call) == [(theirs.sequence, said("theirs"))]


async def test_an_append_overtaken_by_another_owners_while_it_was_lost_is_not_stored(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId
) -> None:
    between.publishes = in_turn(*[Fate(late_s=1.5)] * 6)
    ours = NatsJournal(flaky).append(TENANT, call, "dialog", said("a"), id=f"{call}:a", after=0)
    racing = asyncio.create_task(ours)
    theirs = await NatsJournal(direct).append(
        TENANT, call, "dialog", said("b"), id=f"{call}:b", after=0
    )
    with pytest.raises(WrongVersion):
        await racing
    assert await stored(direct, call) == [(theirs.sequence, said("b"))]


async def test_an_append_is_known_as_stored_though_another_owner_has_written_since(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId
) -> None:
    answered = asyncio.Event()

    def lose_and_tell(_: object) -> Fate:
        answered.set()
        return LOST

    between.answers = lose_and_tell
    ours = NatsJournal(flaky).append(TENANT, call, "dialog", said("a"), id=f"{call}:a", after=0)
    appending = asyncio.create_task(ours)
    await asyncio.wait_for(answered.wait(), 5)
    first = (await stored(direct, call))[0][0]
    await NatsJournal(direct).append(TENANT, call, "dialog", said("b"), id=f"{call}:b", after=first)
    between.answers = in_turn()
    assert (await appending).sequence == first


async def test_an_id_that_belongs_to_another_message_is_refused_to_an_owner(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId
) -> None:
    journal = NatsJournal(flaky)
    theirs = await journal.append(TENANT, call, "dialog", said("theirs"), id=f"{call}:a")
    between.answers = in_turn(LOST)
    with pytest.raises(WrongVersion):
        await journal.append(
            TENANT, call, "dialog", said("ours"), id=f"{call}:a", after=theirs.sequence
        )
    assert between.published < 8  # theirs, ours, ours again: then it is known, long before 10 s
    assert await stored(direct, call) == [(theirs.sequence, said("theirs"))]


async def test_a_fact_that_somebody_else_stored_under_the_same_id_is_a_duplicate(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId
) -> None:
    theirs = await NatsJournal(direct).append(TENANT, call, "line", said("a"), id=f"{call}:a")
    between.answers = in_turn(LOST)
    ours = await NatsJournal(flaky).append(TENANT, call, "line", said("b"), id=f"{call}:a")
    assert (ours.sequence, ours.duplicate) == (theirs.sequence, True)
    assert await stored(direct, call) == [(theirs.sequence, said("a"))]


async def test_an_append_behind_a_message_that_is_not_there_is_refused(
    flaky: Bus, direct: Bus, call: CallId
) -> None:
    journal = NatsJournal(flaky, patience_s=1.5)
    with pytest.raises(WrongVersion):
        await journal.append(TENANT, call, "dialog", said("a"), id=f"{call}:a", after=1 << 40)
    assert await stored(direct, call) == []


async def written(bus: Bus, call: CallId, count: int) -> list[int]:
    """`count` messages, no more at once than a slow disk takes in time."""
    journal, sequences = NatsJournal(bus), list[int]()
    for start in range(0, count, 100):
        appends = (
            journal.append(TENANT, call, "line", said(f"{n}" + "." * 2_000), id=f"{call}:{n}")
            for n in range(start, min(start + 100, count))
        )
        sequences += (appended.sequence for appended in await asyncio.gather(*appends))
    return sorted(sequences)


@pytest.mark.parametrize("fate", [LOST, CUT_BEFORE, CUT_AFTER])
async def test_a_history_read_over_a_failing_connection_has_no_gap(
    nats_url: str, direct: Bus, call: CallId, fate: Fate
) -> None:
    sequences = await written(direct, call, 1500)
    async with proxy(nats_url, watched="$JS.API.DIRECT.GET.") as between:
        between.answers = in_turn(*[PASS] * 500, fate, LOST)
        async with connected(between.url) as bus:
            read = [r.sequence async for r in NatsJournal(bus).read(TENANT, call)]
    assert read == sequences


async def test_a_log_that_is_not_there_is_not_an_empty_history(
    flaky: Bus, call: CallId, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = msgspec.structs.replace(CALLS, name="NOWHERE")
    monkeypatch.setattr("infra.journal.CALLS", nowhere)
    with pytest.raises(JournalUnavailable):
        assert [r async for r in NatsJournal(flaky).read(TENANT, call)] == []


@pytest.mark.parametrize("families", [None, ("transcript", "line", "passages")])
async def test_a_call_is_followed_over_a_cut_connection_without_a_gap(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId, families: tuple[Family, ...] | None
) -> None:
    following = await follow(flaky, NatsJournal(flaky), TENANT, call, families=families)
    journal, expected = NatsJournal(direct), []
    for number in range(60):
        if number % 20 == 10:
            between.cut()
        appended = await journal.append(
            TENANT, call, "line", said(str(number)), id=f"{call}:{number}"
        )
        expected.append(appended.sequence)
    followed: list[int] = []
    async with asyncio.timeout(20):
        async for recorded in following:
            followed.append(recorded.sequence)
            if len(followed) == len(expected):
                await following.close()
    assert followed == expected


@pytest.mark.parametrize("versioned", [True, False])
async def test_on_three_nodes_an_append_whose_copy_is_under_way_waits_for_it(
    three_nodes: Addresses, call: CallId, versioned: bool
) -> None:
    sequence, expected = 0, []
    node = three_nodes.nats_url.split(",")[0]
    async with proxy(node) as between, connected(between.url) as bus:
        await create_streams(bus, replicas=3)
        between.publishes = lambda _: TWICE  # the copy is refused before the first is stored
        for number in range(50):
            message, id = said(str(number)), f"{call}:{number}"
            after = sequence if versioned else None
            appended = await NatsJournal(bus).append(
                TENANT, call, "dialog", message, id=id, after=after
            )
            sequence = appended.sequence
            expected.append((sequence, message))
        assert await stored(bus, call) == expected


@pytest.mark.parametrize("messages", [0, 1, 3])
async def test_a_log_of_one_copy_is_asked_once_for_what_a_call_has(
    between: Proxy, flaky: Bus, direct: Bus, call: CallId, messages: int
) -> None:
    for number in range(messages):
        await NatsJournal(direct).append(TENANT, call, "line", said("a"), id=f"{call}:{number}")
    journal, before = NatsJournal(flaky), len(between.asked)
    read = [recorded async for recorded in journal.read(TENANT, call)]
    assert len(read) == messages
    assert [op for op in between.asked[before:] if op in (b"PUB", b"HPUB")] == [b"PUB"]
