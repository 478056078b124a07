"""The recognition process: takes claims and hosts their calls."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from contracts.ids import HostId
from infra.agents import Agents
from infra.beside import beside
from infra.claims import Claims, Held
from infra.hosting import host_calls
from infra.journal import NatsJournal
from infra.nats import Bus
from services.stt.absent import Absent
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
) -> AsyncIterator[None]:
    """Host calls while the context lasts; the calls still hosted at its end go to other hosts.

    Args: providers: recognisers by name, closed by the caller; room: calls at a time at most.
    """

    async def host_one(held: Held) -> None:
        claim = held.claim
        agent = await agents.get(claim.tenant, claim.agent)
        name = agent.stt.provider
        ears = providers.get(name) or Absent(name)
        await host_call(bus, journal, claim, agent, host, ears)

    async with (
        Claims(bus, journal, "stt", host) as claims,
        beside(host_calls(claims, room, host_one)),
    ):
        yield
