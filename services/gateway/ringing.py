"""A ring becomes a call: written to the log first, then offered to those who host it."""

import asyncio
from typing import Final, Literal

import msgspec
import nats.errors

from contracts.agent import AgentPublished
from contracts.claim import Claim, Role
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId
from contracts.journal import JournalUnavailable
from contracts.line import LineRang
from contracts.recorded import Message
from contracts.streams import CALLS, parse_call_subject
from infra.agents import NoSuchAgent
from infra.cancelling import stop_if_cancelled
from infra.claims import offer
from services.gateway.clock import now_ms
from services.gateway.gateway import Gateway
from services.gateway.standing import read

AWAY: Final = (JournalUnavailable, TimeoutError, OSError, nats.errors.Error)
"""What a silent bus looks like from here. `nats.errors.Error` has JetStream's refusals, too."""

_AGAIN_S: Final = 0.2


class NoRoom(Exception):
    """All is late: one call more would make the others worse. It is counted."""


class TooMany(Exception):
    """More ring at once than are taken; in a moment it goes better."""


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the carrier offers it."""

    carrier: str
    carrier_call: str  # fit for an id
    agent: AgentId
    direction: Literal["inbound", "outbound"] = "inbound"
    caller: str = ""
    called: str = ""
    variables: dict[str, str] = {}


async def take(gateway: Gateway, ring: Ring) -> CallId:
    """The call of this ring, in the log and offered to its hosts.

    The same ring again, by this gateway or another, is the same call: the log knows it by the
    carrier's id for two minutes. Raises NoSuchAgent; NoRoom; TooMany; JournalUnavailable when that
    takes too long.
    """
    if gateway.known.find(ring.carrier_call) is None:
        await _place(gateway, ring)
    try:
        return await _taken(gateway, ring)
    except BaseException:
        gateway.making.done(ring.carrier_call)
        raise


async def _place(gateway: Gateway, ring: Ring) -> None:
    """Wait for a place among the calls in the making. Raises NoRoom, TooMany."""
    _check_room(gateway)
    try:
        await gateway.making.begin(ring.carrier_call, gateway.settings.ring_ms / 1000)
    except TimeoutError:
        raise TooMany("too many rings at once") from None
    try:
        _check_room(gateway)
    except NoRoom:
        gateway.making.done(ring.carrier_call)
        raise


def _check_room(gateway: Gateway) -> None:
    if gateway.lateness.busy:
        gateway.lateness.refuse()
        raise NoRoom("there is no room for another call")


async def _taken(gateway: Gateway, ring: Ring) -> CallId:
    away: Exception = TimeoutError()
    try:
        async with asyncio.timeout(gateway.settings.ring_ms / 1000):
            while True:
                try:
                    return await _take(gateway, ring)
                except AWAY as refused:  # at once, while a cluster has no leader
                    stop_if_cancelled()
                    away = refused
                await asyncio.sleep(_AGAIN_S)
    except TimeoutError:
        raise JournalUnavailable(f"the ring was not recorded: {type(away).__name__}") from None


async def _take(gateway: Gateway, ring: Ring) -> CallId:
    newest = await gateway.agents.latest(gateway.settings.tenant, ring.agent)
    if newest is None:
        raise NoSuchAgent(f"agent {ring.agent} was never published")
    gateway.busy_phrases[ring.agent] = newest.agent.phrases.busy
    call, rang = await _record(gateway, ring, newest)
    await _offer(gateway, call, rang)
    return call


async def find_ring(gateway: Gateway, call: CallId) -> LineRang | None:
    """How the call rang; None when no such call did, or it is over. Raises JournalUnavailable."""
    standing = await read(gateway.journal, gateway.settings.tenant, call)
    return None if standing.ended else standing.rang


async def _record(gateway: Gateway, ring: Ring, newest: AgentPublished) -> tuple[CallId, LineRang]:
    tenant, call = gateway.settings.tenant, gateway.known.of(ring.carrier_call)
    rang = LineRang(
        at_ms=now_ms(),
        carrier=ring.carrier,
        carrier_call=ring.carrier_call,
        direction=ring.direction,
        caller=ring.caller,
        called=ring.called,
        agent=AgentRef(agent=ring.agent, revision=newest.revision),
        variables=ring.variables,
    )
    message = Message(by=gateway.host, events=(rang,))
    id = f"{tenant}:{ring.carrier}:{ring.carrier_call}:rang"
    await gateway.journal.codec.begin(call)  # the first that is stored is sealed already
    appended = await gateway.journal.append(tenant, call, "line", message, id=id)
    if not appended.duplicate:
        return call, rang
    return await _first(gateway, ring, appended.sequence, rang)


async def _first(
    gateway: Gateway, ring: Ring, sequence: int, again: LineRang
) -> tuple[CallId, LineRang]:
    """The call that this ring made when it first came, here or at another gateway."""
    stored = await gateway.bus.js.get_msg(CALLS.name, sequence)
    call = parse_call_subject(stored.subject or "").call
    gateway.known.remember(ring.carrier_call, call)
    return call, await find_ring(gateway, call) or again


async def _offer(gateway: Gateway, call: CallId, rang: LineRang) -> None:
    roles: tuple[Role, ...] = ("stt", "dialog", "line")
    claims = [
        Claim(
            tenant=gateway.settings.tenant,
            call=call,
            role=role,
            agent=rang.agent,
            rang_ms=rang.at_ms,
        )
        for role in roles
    ]
    await asyncio.gather(*(offer(gateway.bus, claim) for claim in claims))
