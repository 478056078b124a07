"""SIGTERM to the process that hosts calls: they go on elsewhere."""

import asyncio

from takeover_calls import callers, fall_silent_and_look, hang_up_and_look, owned, speakers
from takeover_processes import a_fleet
from takeover_tools import ToolServer

from contracts.ids import HostId, TenantId
from infra.agents import Agents
from infra.hosting import Drain
from infra.journal import NatsJournal
from infra.nats import Bus
from services.dialog.app import serve
from services.dialog.providers.scripted import Scripted

LIVE = 20  # calls


async def test_a_rolling_deploy_of_dialog_hosts_drops_no_call(
    bus: Bus, nats_url: str, tenant: TenantId, tools: ToolServer
) -> None:
    async with a_fleet("dialog", nats_url) as fleet:
        host = await fleet.start()
        calls = await callers(bus, tenant, tools, LIVE)
        enough = asyncio.Event()
        talks = [asyncio.create_task(c.converse(seed, enough)) for seed, c in enumerate(calls)]
        for epoch in (2, 3):
            heir = await fleet.start()
            host.ask_to_go()
            assert await host.gone() == 0
            await owned(calls, epoch)
            host = heir
        enough.set()
        await asyncio.gather(*talks)
        await hang_up_and_look(calls, tools)


async def test_a_rolling_deploy_of_recognisers_loses_no_word(
    bus: Bus, nats_url: str, tenant: TenantId
) -> None:
    async with a_fleet("stt", nats_url) as fleet:
        host = await fleet.start()
        async with speakers(bus, tenant, LIVE) as calls:
            for epoch in (2, 3):
                heir = await fleet.start()
                host.ask_to_go()
                assert await host.gone() == 0
                await owned(calls, epoch)
                host = heir
            await fall_silent_and_look(calls)


async def test_calls_of_the_last_host_wait_for_the_next(
    bus: Bus, nats_url: str, tenant: TenantId, tools: ToolServer
) -> None:
    async with a_fleet("dialog", nats_url) as fleet:
        last = await fleet.start()
        calls = await callers(bus, tenant, tools, 3)
        last.ask_to_go()
        assert await last.gone() == 0
        await asyncio.gather(*(call.say("hello there") for call in calls))
        await fleet.start()
        await asyncio.gather(*(call.hear_out() for call in calls))
        await hang_up_and_look(calls, tools)


async def test_a_host_that_goes_leaves_a_reply_under_way_only_when_it_is_written(
    bus: Bus, nats_url: str, tenant: TenantId, tools: ToolServer
) -> None:
    async with a_fleet("dialog", nats_url, quiet_s=30.0) as fleet:
        host = await fleet.start()
        (call,) = await callers(bus, tenant, tools, 1, word_ms=250)
        await fleet.start()
        await call.begin("answering")
        host.ask_to_go()
        await call.end("answering")
        await owned([call], 2)
        await hang_up_and_look([call], tools)
        by = [r.message.by for r in await call.decisions() if b"dialog.reply_" in r.payload]
        assert by[2:4] == [host.name, host.name]  # this reply's beginning and its end


async def test_a_host_that_is_to_finish_sees_its_calls_to_their_end(
    bus: Bus, tenant: TenantId, tools: ToolServer
) -> None:
    finish = Drain(finish_s=60.0)
    serving = serve(
        bus,
        NatsJournal(bus),
        Agents(bus),
        {"clerk": Scripted()},
        host=HostId("dialog-finishing"),
        drain=finish,
    )
    await serving.__aenter__()
    (call,) = await callers(bus, tenant, tools, 1)
    leaving = asyncio.create_task(serving.__aexit__(None, None, None))
    await call.say("hello there")
    await call.hear_out()
    await call.hang_up()
    await asyncio.wait_for(leaving, 30)
    assert await call.owner() == ("dialog-finishing", 1)
