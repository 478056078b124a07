"""A media socket becomes the line of a call: who may have it, and who listens to it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from nats.aio.subscription import Subscription

from contracts.agent import Agent
from contracts.ids import AgentId, BadId, CallId, checked
from contracts.journal import JournalUnavailable
from contracts.line import LineAnswered, LineRang
from contracts.streams import Family, audio_subject
from infra.agents import NoSuchAgent
from infra.live import Following, follow
from services.gateway import ringing
from services.gateway.carrier import Carrier, Started
from services.gateway.clock import now_ms
from services.gateway.decisions import obey
from services.gateway.faults import alone, guarded
from services.gateway.gateway import Gateway
from services.gateway.journaling import Journaling, Patience
from services.gateway.line import Leg, Line, ProtocolBroken
from services.gateway.tokens import BadToken
from services.gateway.unanswered import answer_came
from services.gateway.wire import Wire

_log: Final = logging.getLogger("partyline.gateway")
_FAMILIES: Final[tuple[Family, ...]] = ("dialog", "synthesis")
_REFUSED, _LATER = 1008, 1013  # close codes: policy violation, try again later


@asynccontextmanager
async def answered(
    gateway: Gateway, carrier: Carrier, started: Started, wire: Wire
) -> AsyncIterator[Line]:
    """The line of the call that `started` names, answered in the log.

    On leaving, what is left of its events is written. Raises ProtocolBroken when the socket may
    not have the call, or the log is away.
    """
    call, agent = await _admitted(gateway, carrier, started)
    if call in gateway.lines:
        raise ProtocolBroken(_REFUSED, "reused token")
    line, journaling = _line(gateway, Leg(call, started.stream, carrier, wire), agent)
    gateway.lines.add(line)
    try:
        async with _listening(gateway, line) as following:
            await _record(gateway, journaling, line, started)
            answer_came(gateway, call)
            line.begin()
            async with _obeying(line, following):
                yield line
    finally:
        await _let_go(gateway, line, journaling)


async def _admitted(gateway: Gateway, carrier: Carrier, started: Started) -> tuple[CallId, Agent]:
    try:
        call = _call(gateway, started) or await _ring_now(gateway, carrier, started)
        rang = await ringing.find_ring(gateway, call)
        if rang is None:
            raise ProtocolBroken(_REFUSED, "no such call rang")
        _check_same_call(rang, started)
        return call, await gateway.agents.get(gateway.settings.tenant, rang.agent)
    except (BadToken, BadId, NoSuchAgent) as refused:
        raise ProtocolBroken(_REFUSED, str(refused)) from None
    except ringing.AWAY as away:
        raise ProtocolBroken(_LATER, f"the log is away: {type(away).__name__}") from None


def _call(gateway: Gateway, started: Started) -> CallId | None:
    """The call this socket was sent for, by its token. None: by nobody, which is allowed here."""
    named = started.parameters.get("call")
    if named is None and not gateway.settings.media_auth:
        return None
    call = CallId(checked("call", named or ""))
    if gateway.settings.media_auth:
        gateway.tokens.check(started.parameters.get("token", ""), call, now_ms())
    return call


async def _ring_now(gateway: Gateway, carrier: Carrier, started: Started) -> CallId:
    named = started.parameters.get("agent", gateway.settings.agent)
    agent = AgentId(checked("agent", named))
    ring = ringing.Ring(carrier=carrier.name, carrier_call=started.carrier_call, agent=agent)
    return await ringing.take(gateway, ring)


def _check_same_call(rang: LineRang, started: Started) -> None:
    if rang.carrier_call != started.carrier_call:
        raise ProtocolBroken(_REFUSED, "the token belongs to another of the carrier's calls")


def _line(gateway: Gateway, leg: Leg, agent: Agent) -> tuple[Line, Journaling]:
    settings = gateway.settings
    publish = partial(gateway.bus.pub, audio_subject(settings.tenant, leg.call, "caller"))
    journaling = Journaling(
        gateway.journal,
        settings.tenant,
        leg.call,
        gateway.host,
        Patience(settings.away_ms, settings.given_up_ms),
        on_away=lambda: line.mouth.hold(),
        on_given_up=lambda: line.end("bus_lost"),
    )
    line = Line(leg, agent, journaling, publish)
    journaling.start()
    return line, journaling


@asynccontextmanager
async def _listening(gateway: Gateway, line: Line) -> AsyncIterator[Following]:
    """The line hears the agent's audio during the block; the actor's decisions are followed."""
    tenant = gateway.settings.tenant
    async with AsyncExitStack() as leaving:
        speak = guarded(line, line.on_agent_audio)
        audio = await gateway.bus.sub(audio_subject(tenant, line.call, "agent"), speak)
        leaving.push_async_callback(_unsubscribe, gateway, audio)
        following = await follow(
            gateway.bus, gateway.journal, tenant, line.call, families=_FAMILIES
        )
        leaving.push_async_callback(following.close)
        yield following


@asynccontextmanager
async def _obeying(line: Line, following: Following) -> AsyncIterator[None]:
    """The line does what the actor decides, during the block."""
    obeying = asyncio.create_task(_obey_all(line, following))
    try:
        yield
    finally:
        obeying.cancel()
        await asyncio.wait({obeying})


async def _obey_all(line: Line, following: Following) -> None:
    with alone(line):
        async for recorded in following:
            for _, event in recorded.events():
                obey(line, event)


async def _record(gateway: Gateway, journaling: Journaling, line: Line, started: Started) -> None:
    """Put the answer in the log, which takes only one for each call. Raises ProtocolBroken."""
    answer = LineAnswered(at_ms=now_ms(), stream=started.stream)
    try:
        async with asyncio.timeout(gateway.settings.given_up_ms / 1000):
            appended = await journaling.append("answered", answer)
    except TimeoutError:
        line.end("bus_lost")
        raise ProtocolBroken(_LATER, "the log is away") from None
    if appended.duplicate and not await _is_ours(gateway, line.call, answer):
        raise ProtocolBroken(_REFUSED, "reused token")


async def _is_ours(gateway: Gateway, call: CallId, answer: LineAnswered) -> bool:
    """Whether the stored answer is this very one, whose acknowledgement was lost."""
    try:
        async for recorded in gateway.journal.read(gateway.settings.tenant, call, "line"):
            if answer in recorded.message.events:
                return recorded.message.by == gateway.host
    except JournalUnavailable:
        _log.warning("call %s: its answer could not be read", call)
    return False


async def _let_go(gateway: Gateway, line: Line, journaling: Journaling) -> None:
    line.mouth.stop()
    try:
        await journaling.finish()
    finally:
        gateway.lines.remove(line)


async def _unsubscribe(gateway: Gateway, subscription: Subscription) -> None:
    if not gateway.bus.nc.is_closed:
        await subscription.unsubscribe()
