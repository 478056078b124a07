"""The dialog process: takes claims and hosts their calls."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from contracts.ids import HostId
from infra.agents import Agents
from infra.chain import Breakers
from infra.claims import Claims, Held
from infra.hosting import AT_ONCE, Drain, hosting
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.telemetry import about
from services.dialog import tools
from services.dialog.doing import Outside
from services.dialog.on_fact import host_call
from services.dialog.provider import LanguageModel


@asynccontextmanager
async def serve(
    bus: Bus,
    journal: NatsJournal,
    agents: Agents,
    models: Mapping[str, LanguageModel],
    *,
    host: HostId,
    room: int = 1_000,
    drain: Drain = AT_ONCE,
) -> AsyncIterator[None]:
    """Host calls while the context lasts; the calls still hosted at its end go to other hosts.

    Args: models: by name; room: calls at a time at most; drain: how they go.
    """
    async with tools.session() as http, Claims(bus, "dialog", host) as claims:
        outside = Outside(bus, journal, models, http, Breakers())

        async def host_one(held: Held) -> bool:
            claim = held.claim
            about(claim.tenant, claim.call, claim.agent.agent)
            agent = await agents.get(claim.tenant, claim.agent)
            return await host_call(claim.tenant, claim.call, agent, host, outside, leave=held.leave)

        async with hosting(claims, room, host_one, drain):
            yield
