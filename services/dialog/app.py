"""The dialog process: takes claims and hosts their calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from contracts.ids import HostId
from infra.agents import Agents
from infra.beside import beside
from infra.claims import Claims, Held
from infra.hosting import host_calls
from infra.journal import NatsJournal
from infra.nats import Bus
from services.dialog.on_fact import Outside, host_call
from services.dialog.provider import LanguageModel


@asynccontextmanager
async def serve(
    bus: Bus,
    journal: NatsJournal,
    agents: Agents,
    models: dict[str, LanguageModel],
    *,
    host: HostId,
    room: int = 1_000,
) -> AsyncIterator[None]:
    """Host calls while the context lasts. `models` by name; `room`: calls at a time at most."""
    async with aiohttp.ClientSession() as http, Claims(bus, journal, "dialog", host) as claims:
        outside = Outside(bus, journal, models, http)

        async def host_one(held: Held) -> None:
            claim = held.claim
            agent = await agents.get(claim.tenant, claim.agent)
            await host_call(claim.tenant, claim.call, agent, host, outside)

        async with beside(host_calls(claims, room, host_one)):
            yield
