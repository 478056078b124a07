"""What is generated stands in a real log as if it had happened there."""

import pytest
from nats.js import api

from contracts.codec import Codec
from contracts.ids import TenantId
from contracts.streams import CALLS, CLAIMS
from infra.agents import Agents
from infra.call_log import CallLog
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.sealing import MasterKey
from infra.vault import Vault
from loadtest.generating import generate
from loadtest.generating.bystanders import kept_out
from loadtest.generating.writing import NotWritten
from services.cli.verdict import Verified
from services.cli.verifying import verify_log

pytestmark = pytest.mark.stack
MAIN, OTHER = TenantId("main"), TenantId("other")


async def verified(bus: Bus, tenant: TenantId = MAIN, codec: Codec | None = None) -> Verified:
    return await verify_log(bus, NatsJournal(bus, codec), Agents(bus), None, tenant)


async def last(bus: Bus) -> int:
    return (await bus.js.stream_info(CALLS.name)).state.last_seq


async def test_nothing_is_wrong_with_a_log_that_was_made_up(log: Bus) -> None:
    done = await generate(log, 30, 7)
    found = await verified(log)
    assert found.whole
    assert (found.calls, found.going_on) == (30, 0) == (done.calls, 0)
    assert (found.messages, found.events) == (done.messages, done.events)
    assert await last(log) == done.last == done.messages


async def test_calls_are_mixed_as_if_they_went_on_side_by_side(log: Bus) -> None:
    await generate(log, 10, 7, at_once=4)
    reader = CallLog(log)
    spans = []
    for call in await reader.calls(MAIN):
        history = (await reader.read(MAIN, call)).history
        spans.append((history[0].sequence, history[-1].sequence))
    going_on = [sum(begin <= at <= end for begin, end in spans) for at in range(1, await last(log))]
    assert max(going_on) == 4


async def test_repeated_calls_are_calls_of_their_own_and_as_valid(log: Bus) -> None:
    done = await generate(log, 25, 7, distinct=5)
    found = await verified(log)
    assert found.whole
    assert (found.calls, done.calls) == (25, 25)


async def test_calls_go_behind_those_that_are_there(log: Bus) -> None:
    before = await generate(log, 5, 7)
    after = await generate(log, 5, 8)
    assert after.last == before.messages + after.messages
    assert (await verified(log)).calls == 10
    assert (await verified(log)).whole


async def test_the_same_calls_are_not_written_twice(log: Bus) -> None:
    await generate(log, 5, 7)
    stored = await last(log)
    with pytest.raises(NotWritten, match="another --seed"):
        await generate(log, 5, 7)
    assert await last(log) == stored
    assert (await verified(log)).whole


async def test_nor_when_the_log_has_forgotten_their_ids(log: Bus) -> None:
    config = (await log.js.stream_info(CALLS.name)).config
    await log.js.update_stream(config.evolve(duplicate_window=0.1))
    await generate(log, 40, 7)  # takes longer than that
    stored = await last(log)
    with pytest.raises(NotWritten, match="another --seed"):
        await generate(log, 40, 7)
    assert await last(log) == stored


async def test_somebody_else_may_write_meanwhile(log: Bus) -> None:
    """A batch is made for places that are taken then: it is made anew."""
    strangers = 0

    def write(_: object) -> None:
        nonlocal strangers
        strangers += 1
        log.pub(f"call.{OTHER}.stranger-{strangers}.line", b"{}")

    done = await generate(log, 60, 7, progress=write)
    assert strangers >= 3
    assert await last(log) >= done.messages + strangers - 1  # the last may be on its way
    found = await verified(log)
    assert found.whole
    assert found.calls == 60


async def test_every_tenant_gets_calls_and_agents(log: Bus) -> None:
    done = await generate(log, 20, 7, tenants=(MAIN, OTHER))
    found = [await verified(log, tenant) for tenant in (MAIN, OTHER)]
    assert all(each.whole and each.calls for each in found)
    assert sum(each.calls for each in found) == done.calls


async def test_agents_are_published_once(log: Bus) -> None:
    await generate(log, 2, 7)
    await generate(log, 2, 8)
    newest = await Agents(log).latest(MAIN, (await Agents(log).names(MAIN))[0])
    assert newest is not None
    assert newest.revision == 1


async def test_sealed_calls_are_as_valid(log: Bus) -> None:
    master = MasterKey(bytes(64))
    await generate(log, 10, 7, codec=Codec(Vault(log, master)))
    found = await verified(log, codec=Codec(Vault(log, master)))
    assert found.whole
    stored = await log.js.get_msg(CALLS.name, 1)
    assert b'"sealed":"siv"' in (stored.data or b"")


async def test_the_streams_settings_are_as_before(log: Bus) -> None:
    before = (await log.js.stream_info(CALLS.name)).config
    await generate(log, 2, 7)
    assert (await log.js.stream_info(CALLS.name)).config == before


async def test_workers_go_on_behind_what_was_made_up(log: Bus) -> None:
    durable = api.ConsumerConfig(durable_name="tts", filter_subject="call.*.*.dialog")
    await log.js.add_consumer(CALLS.name, durable)
    async with kept_out(log):
        await generate(log, 3, 7)
        assert (await log.js.consumer_info(CALLS.name, "tts")).paused
    info = await log.js.consumer_info(CALLS.name, "tts")
    assert not info.paused
    assert info.num_pending == 0


async def test_workers_are_not_kept_from_calls_that_go_on(log: Bus) -> None:
    await log.js.publish("claim.dialog.main.call-1", b"{}", stream=CLAIMS.name)
    with pytest.raises(NotWritten, match="Calls go on"):
        async with kept_out(log):
            pytest.fail("was let in")
