"""The recognition process: takes claims and hosts their calls."""

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
from services.stt.ears import Ears
from services.stt.on_audio import host_call
from services.stt.provider import SpeechToText


@asynccontextmanager
async def serve(
    bus: Bus,
    journal: NatsJournal,
    agents: Agents,
    providers: Mapping[str, SpeechToText],
    *,
    host: HostId,
    room: int = 1_000,
    drain: Drain = AT_ONCE,
) -> AsyncIterator[None]:
    """Host calls while the context lasts; the calls still hosted at its end go to other hosts.

    Args: providers: recognisers by name, closed by the caller; room: calls at a time at most;
        drain: how they go.
    """

    breakers = Breakers()

    async def host_one(held: Held) -> bool:
        claim = held.claim
        agent = await agents.get(claim.tenant, claim.agent)
        about(claim.tenant, claim.call, claim.agent.agent)
        ears = Ears(agent, providers, breakers)
        return await host_call(bus, journal, claim, agent, host, ears, leave=held.leave)

    async with (
        Claims(bus, "stt", host) as claims,
        hosting(claims, room, host_one, drain),
    ):
        yield
