"""kill -9 of the process that hosts calls: another goes on with them."""

import asyncio

from takeover_calls import callers, fall_silent_and_look, hang_up_and_look, owned, speakers
from takeover_processes import a_fleet
from takeover_talk import SITUATIONS
from takeover_tools import ToolServer

from contracts.ids import TenantId
from infra.nats import Bus


async def test_a_killed_dialog_host_is_followed_by_another_whatever_its_calls_were_at(
    bus: Bus, nats_url: str, tenant: TenantId, tools: ToolServer
) -> None:
    async with a_fleet("dialog", nats_url) as fleet:
        host = await fleet.start()
        calls = await callers(bus, tenant, tools, 2 * len(SITUATIONS))
        await fleet.start()
        at = SITUATIONS * 2
        await asyncio.gather(*(c.begin(situation) for c, situation in zip(calls, at, strict=True)))
        await host.kill()
        await asyncio.gather(*(c.end(situation) for c, situation in zip(calls, at, strict=True)))
        await owned(calls, 2)
        await hang_up_and_look(calls, tools)


async def test_no_word_is_lost_when_the_host_of_the_recogniser_is_killed(
    bus: Bus, nats_url: str, tenant: TenantId
) -> None:
    async with a_fleet("stt", nats_url) as fleet:
        host = await fleet.start()
        async with speakers(bus, tenant, 8) as calls:
            await fleet.start()
            await asyncio.gather(*(call.speaks.wait() for call in calls))
            await host.kill()
            await owned(calls, 2)
            await fall_silent_and_look(calls)
