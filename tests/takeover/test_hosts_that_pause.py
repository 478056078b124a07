"""SIGSTOP, takeover, SIGCONT: the owner of yesterday changes nothing any more."""

import asyncio

from takeover_calls import (
    callers,
    fall_silent_and_look,
    hang_up_and_look,
    let_go,
    owned,
    speakers,
)
from takeover_processes import a_fleet
from takeover_tools import ToolServer

from contracts.ids import TenantId
from infra.nats import Bus


async def test_a_paused_dialog_host_neither_decides_nor_runs_a_tool_when_it_wakes(
    bus: Bus, nats_url: str, tenant: TenantId, tools: ToolServer
) -> None:
    async with a_fleet("dialog", nats_url) as fleet:
        host = await fleet.start()
        calls = await callers(bus, tenant, tools, 12)
        await fleet.start()
        enough = asyncio.Event()
        talks = [asyncio.create_task(c.converse(seed, enough)) for seed, c in enumerate(calls)]
        host.pause()
        await owned(calls, 2)
        host.resume()
        await let_go(bus, host, calls)
        enough.set()
        await asyncio.gather(*talks)
        await hang_up_and_look(calls, tools)


async def test_a_paused_dialog_host_lets_silent_calls_go_as_soon_as_it_wakes(
    bus: Bus, nats_url: str, tenant: TenantId, tools: ToolServer
) -> None:
    async with a_fleet("dialog", nats_url) as fleet:
        host = await fleet.start()
        calls = await callers(bus, tenant, tools, 3)
        await fleet.start()
        host.pause()
        await owned(calls, 2)
        host.resume()
        await let_go(bus, host, calls)  # nothing happens on the line meanwhile
        await hang_up_and_look(calls, tools)


async def test_a_paused_recogniser_writes_nothing_when_it_wakes(
    bus: Bus, nats_url: str, tenant: TenantId
) -> None:
    async with a_fleet("stt", nats_url) as fleet:
        host = await fleet.start()
        async with speakers(bus, tenant, 6) as calls:
            await fleet.start()
            host.pause()
            await owned(calls, 2)
            host.resume()
            await let_go(bus, host, calls)
            await fall_silent_and_look(calls)
