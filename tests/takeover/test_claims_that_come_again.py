"""A claim delivered again: to the host that has it, and to one that has not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from eventually import eventually_async

from contracts.claim import Claim
from contracts.event import AgentRef, OwnerClaimed
from contracts.ids import AgentId, CallId, HostId, TenantId, new_call_id
from contracts.journal import WrongVersion
from contracts.recorded import Message
from contracts.streams import CLAIMS
from infra.claims import Claims, Held, TakesNoMore, offer
from infra.journal import NatsJournal
from infra.nats import Bus, connect

REF = AgentRef(agent=AgentId("a"), revision=1)


@pytest.fixture
async def elsewhere(nats_url: str) -> AsyncIterator[Bus]:
    bus = await connect(nats_url, name="elsewhere")
    yield bus
    await bus.close()


async def an_owner(bus: Bus, tenant: TenantId, claims: Claims, host: str) -> Held:
    """A call, taken and claimed in the log."""
    call = new_call_id()
    await offer(bus, Claim(tenant=tenant, call=call, role="stt", agent=REF, rang_ms=1))
    held = await claims.take()
    assert held.claim.call == call
    await claim(bus, tenant, call, host, epoch=1, after=0)
    return held


async def claim(
    bus: Bus, tenant: TenantId, call: CallId, host: str, *, epoch: int, after: int
) -> int:
    claimed = OwnerClaimed(at_ms=1, role="stt", host=host, epoch=epoch)
    message = Message(by=host, events=(claimed,), epoch=epoch)
    id = f"{call}:{epoch}"
    stored = await NatsJournal(bus).append(tenant, call, "transcript", message, id=id, after=after)
    return stored.sequence


async def newest(bus: Bus, held: Held) -> int:
    claim = held.claim
    return [r async for r in NatsJournal(bus).read(claim.tenant, claim.call, "transcript")][
        -1
    ].sequence


async def delivered(bus: Bus, times: int) -> None:
    """Wait until the server has handed claims out so often."""

    async def by_now() -> bool:
        info = await bus.js.consumer_info(CLAIMS.name, "claims-stt")
        return info.delivered.consumer_seq >= times

    await eventually_async(by_now)


async def deliveries(bus: Bus) -> int:
    return (await bus.js.consumer_info(CLAIMS.name, "claims-stt")).delivered.consumer_seq


async def test_a_claim_that_comes_again_to_its_own_host_stays_with_it(
    bus: Bus, tenant: TenantId
) -> None:
    async with Claims(bus, "stt", HostId("mine")) as claims:
        held = await an_owner(bus, tenant, claims, "mine")
        before = await deliveries(bus)
        await held._message.nak()  # as after a change of the server's leader
        taking = asyncio.create_task(claims.take())
        await delivered(bus, before + 1)
        claims.take_no_more()
        with pytest.raises(TakesNoMore):
            await asyncio.wait_for(taking, 10)
        assert not held.lost.is_set()


async def test_a_claim_that_comes_again_tells_its_host_that_another_has_the_call(
    bus: Bus, tenant: TenantId
) -> None:
    async with Claims(bus, "stt", HostId("mine")) as claims:
        held = await an_owner(bus, tenant, claims, "mine")
        other = await newest(bus, held)
        await claim(bus, tenant, held.claim.call, "other", epoch=2, after=other)
        await held._message.nak()
        taking = asyncio.create_task(claims.take())
        with pytest.raises(WrongVersion):
            await asyncio.wait_for(held.until_lost(), 10)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)


async def test_a_host_that_was_cut_off_learns_from_the_log_that_another_has_the_call(
    bus: Bus, elsewhere: Bus, tenant: TenantId
) -> None:
    async with Claims(elsewhere, "stt", HostId("mine")) as claims:
        held = await an_owner(bus, tenant, claims, "mine")
        other = await newest(bus, held)
        await claim(bus, tenant, held.claim.call, "other", epoch=2, after=other)
        await elsewhere.nc.force_reconnect()
        with pytest.raises(WrongVersion):
            await asyncio.wait_for(held.until_lost(), 10)


async def test_a_host_that_was_cut_off_keeps_what_nobody_took(
    bus: Bus, elsewhere: Bus, tenant: TenantId
) -> None:
    back = asyncio.Event()

    async def on_back() -> None:
        back.set()

    elsewhere.on_reconnect(on_back)
    async with Claims(elsewhere, "stt", HostId("mine")) as claims:
        kept = await an_owner(bus, tenant, claims, "mine")
        lost = await an_owner(bus, tenant, claims, "mine")
        other = await newest(bus, lost)
        await claim(bus, tenant, lost.claim.call, "other", epoch=2, after=other)
        await elsewhere.nc.force_reconnect()
        await asyncio.wait_for(back.wait(), 10)
        await asyncio.wait_for(lost.lost.wait(), 10)
        assert not kept.lost.is_set()


async def test_a_host_that_takes_no_more_gives_what_comes_to_another(
    bus: Bus, elsewhere: Bus, tenant: TenantId
) -> None:
    async with (
        Claims(bus, "stt", HostId("going")) as going,
        Claims(elsewhere, "stt", HostId("staying")) as staying,
    ):
        taking = asyncio.create_task(going.take())
        await asyncio.sleep(0)
        going.take_no_more()
        calls = {new_call_id() for _ in range(4)}
        for call in calls:
            await offer(bus, Claim(tenant=tenant, call=call, role="stt", agent=REF, rang_ms=1))
        async with asyncio.timeout(10):
            taken = {(await staying.take()).claim.call for _ in calls}
        with pytest.raises(TakesNoMore):
            await taking
        assert taken == calls


async def test_progress_that_fails_for_one_call_is_reported_for_the_others(
    bus: Bus, elsewhere: Bus, tenant: TenantId
) -> None:
    async with (
        Claims(bus, "stt", HostId("mine")) as claims,
        Claims(elsewhere, "stt", HostId("heir")) as heir,
    ):
        failing = await an_owner(bus, tenant, claims, "mine")
        failing._message.reply = ""  # nobody can be told
        await an_owner(bus, tenant, claims, "mine")
        async with asyncio.timeout(20):
            came_again = {(await heir.next()).claim.call for _ in range(2)}
        assert came_again == {failing.claim.call}
