"""A media socket becomes the line of a call: it enters the log, and listens to the agent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from contracts.line import LineAnswered, LineResumed
from contracts.recorded import LineEvent
from contracts.streams import Family, audio_subject
from infra.beside import beside
from infra.handover import Listening, Sound
from infra.live import Following, follow
from services.audio.frames import join_caller
from services.gateway.admission import LATER, REFUSED, Admitted, admit
from services.gateway.carrier import Carrier, Started
from services.gateway.clock import now_ms
from services.gateway.decisions import obey
from services.gateway.faults import alone, guarded
from services.gateway.gateway import Gateway
from services.gateway.journaling import Journaling, Patience, Superseded, Told
from services.gateway.leg import Leg, ProtocolBroken
from services.gateway.line import Line, Links
from services.gateway.looked_after import looked_after
from services.gateway.missed import Missed
from services.gateway.standing import Standing, confirmed
from services.gateway.wire import Wire

_FAMILIES: Final[tuple[Family, ...]] = ("dialog", "synthesis", "line")


@asynccontextmanager
async def answered(
    gateway: Gateway, carrier: Carrier, started: Started, wire: Wire
) -> AsyncIterator[Line]:
    """The line of the call that `started` names, answered or resumed in the log.

    On leaving, what is left of its events is written. Raises ProtocolBroken when the socket may
    not have the call, the log is away, or this gateway is about to stop.
    """
    admitted = await admit(gateway, carrier, started)
    if gateway.lines.find(admitted.call):
        raise ProtocolBroken(REFUSED, "reused token: another socket has this line")
    if gateway.draining:  # from here on nobody would part with the line: the lines are known
        raise ProtocolBroken(LATER, "this gateway is about to stop")
    leg = Leg(admitted.call, started.stream, carrier, wire)
    tenant = gateway.settings.tenant
    missed = Missed(gateway.bus, tenant, leg.call)
    sound = gateway.bus.sound(audio_subject(tenant, leg.call, "caller"), join_caller)
    line, journaling = _line(gateway, leg, admitted, missed, sound)
    gateway.lines.add(line)
    try:
        async with _listening(gateway, line, missed, admitted.standing) as following:
            await _record(gateway, journaling, line, started)
            line.begin()
            gateway.making.done(started.carrier_call)
            async with _obeying(line, following):
                yield line
    finally:
        sound.flush()
        await _let_go(gateway, line, journaling)


def _line(
    gateway: Gateway, leg: Leg, admitted: Admitted, missed: Missed, sound: Sound
) -> tuple[Line, Journaling]:
    settings = gateway.settings
    links = Links(
        publish=sound.publish,
        missed=missed.want,
        looked_after=partial(looked_after, gateway.bus, settings.tenant, leg.call),
        moment=gateway.moments.of(admitted.agent),
    )
    told = Told(
        away=lambda: line.log_away(),
        given_up=lambda: line.end("bus_lost"),
        superseded=lambda: line.step_aside(),
        taken_for_dead=lambda stint: line.taken_up_again(stint),
    )
    journaling = Journaling(
        gateway.journal,
        settings.tenant,
        leg.call,
        gateway.host,
        admitted.standing,
        Patience(settings.away_ms, settings.given_up_ms),
        told,
    )
    voice = gateway.silero.listen() if gateway.silero else None
    line = Line(leg, admitted.agent, journaling, links, admitted.standing, voice)
    journaling.start()
    return line, journaling


@asynccontextmanager
async def _listening(
    gateway: Gateway, line: Line, missed: Missed, standing: Standing
) -> AsyncIterator[Following]:
    """The line hears the agent's audio during the block; the actor's decisions are followed.

    A line that comes back follows from where it was found; what was decided before is over.
    """
    after = standing.sequence if standing.stint else 0
    tenant = gateway.settings.tenant
    async with AsyncExitStack() as leaving:
        speak = guarded(line, line.on_agent_audio)
        leaving.callback(gateway.bus.on_reconnect(missed.reconnected))
        await leaving.enter_async_context(beside(missed.run(speak)))
        audio = await gateway.bus.sub(audio_subject(tenant, line.call, "agent"), speak)
        leaving.push_async_callback(_unsubscribe, gateway, audio)
        following = await follow(
            gateway.bus, gateway.journal, tenant, line.call, families=_FAMILIES, after=after
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
            if recorded.family == "dialog":
                line.mouth.own(recorded.message.epoch)
            for _, event in recorded.events():
                obey(line, event)


async def _record(gateway: Gateway, journaling: Journaling, line: Line, started: Started) -> None:
    """Have the line by the log's word, which only one gateway gets. Raises ProtocolBroken."""
    try:
        async with asyncio.timeout(gateway.settings.given_up_ms / 1000):
            await journaling.begin(partial(_opening, started.stream))
    except TimeoutError:
        line.end("bus_lost")
        raise ProtocolBroken(LATER, "the log is away") from None
    except Superseded as another:
        raise ProtocolBroken(REFUSED, str(another)) from None


def _opening(stream: str, standing: Standing) -> tuple[LineEvent, ...]:
    """The first message of a stint: also of the loss before it, if nobody recorded that."""
    at_ms = now_ms()
    if standing.stint == 0:
        return (LineAnswered(at_ms=at_ms, stream=stream),)
    resumed = LineResumed(at_ms=at_ms, stream=stream, stint=standing.stint + 1)
    if standing.lost:
        return (resumed,)
    return (confirmed(standing, at_ms, "its gateway is gone"), resumed)


async def _let_go(gateway: Gateway, line: Line, journaling: Journaling) -> None:
    line.stop()
    try:
        await journaling.finish()
    finally:
        gateway.lines.remove(line)


async def _unsubscribe(gateway: Gateway, listening: Listening) -> None:
    if not gateway.bus.nc.is_closed:
        await listening.unsubscribe()
