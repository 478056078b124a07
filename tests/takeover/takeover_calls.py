"""Calls by the dozen, and what all of them wait for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from eventually import eventually_async
from takeover_processes import Process
from takeover_speech import Speaker, a_listener, speaking
from takeover_talk import Caller, a_clerk
from takeover_tools import ToolServer

from contracts.ids import HostId, TenantId
from contracts.streams import host_subject
from infra.agents import Agents
from infra.nats import Bus

_WITHIN_S = 30.0


async def callers(
    bus: Bus, tenant: TenantId, tools: ToolServer, count: int, *, word_ms: int = 40
) -> list[Caller]:
    """Calls that have rung, each hosted and greeted."""
    agent = a_clerk(tools.url, word_ms=word_ms)
    ref = await Agents(bus).publish(tenant, agent)
    made = [Caller(bus, tenant, agent, ref) for _ in range(count)]
    await asyncio.gather(*(caller.ring() for caller in made))
    return made


@asynccontextmanager
async def speakers(bus: Bus, tenant: TenantId, count: int) -> AsyncIterator[list[Speaker]]:
    """Callers who talk during the block, each with a recogniser."""
    ref = await Agents(bus).publish(tenant, a_listener())
    made = [Speaker(bus, tenant, ref, seed) for seed in range(count)]
    await asyncio.gather(*(speaker.ring() for speaker in made))
    async with speaking(made):
        await owned(made, 1)
        yield made


async def owned(calls: Sequence[Caller | Speaker], epoch: int) -> None:
    """Wait until every call has an owner of this epoch, or a later one."""

    async def by_now() -> bool:
        owners = await asyncio.gather(*(call.owner() for call in calls))
        return min(reached for _, reached in owners) >= epoch

    await eventually_async(by_now, _WITHIN_S)


async def let_go(bus: Bus, host: Process, calls: Sequence[Caller | Speaker]) -> None:
    """Wait until the host itself says that it has none of the calls."""
    subject = host_subject(HostId(host.name))

    async def says_so() -> bool:
        asked = [bus.nc.request(subject, call.call.encode(), timeout=5) for call in calls]
        return {answer.data for answer in await asyncio.gather(*asked)} == {b"not held"}

    await eventually_async(says_so, _WITHIN_S)


async def hang_up_and_look(calls: Sequence[Caller], tools: ToolServer) -> None:
    """Every call is whole, and no tool was run twice or by one who had lost the call."""
    await asyncio.gather(*(call.hang_up() for call in calls))
    for call in calls:
        await call.assert_whole()
        assert await call.stale_requests(tools) == []
        assert all(returned.ok for returned in call.returned)
    assert tools.twice == []


async def fall_silent_and_look(calls: Sequence[Speaker]) -> None:
    """Everything said was understood, once and in order."""
    for call in calls:
        call.stop()
    await asyncio.gather(*(call.hang_up() for call in calls))
    for call in calls:
        await call.assert_whole()
