"""A gateway over real NATS, and the rest of the house played by the test."""

import uuid
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import msgspec
from eventually import eventually_async
from nats.aio.msg import Msg
from twilio_double import Document, MediaSocket, TwilioDouble

from contracts.agent import Agent, Limits
from contracts.dialog import CallerReturned
from contracts.event import OwnerClaimed
from contracts.ids import AgentId, CallId, HostId, TenantId
from contracts.line import LineAnswered
from contracts.recorded import CallEvent, DialogEvent, LineEvent, Message, SynthesisEvent
from contracts.streams import Family, audio_subject, host_subject
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.ownership import HELD
from services.audio.frames import FRAME_BYTES, AgentChunk, pack_agent
from services.gateway.app import Serving, serve
from services.gateway.clock import now_ms
from services.gateway.settings import GatewaySettings


class House:
    """One tenant of the shared server: opens gateways, reads the log, speaks as the agent."""

    def __init__(self, bus: Bus, leaving: AsyncExitStack) -> None:
        self.bus, self._leaving = bus, leaving
        self.tenant = TenantId(f"t{uuid.uuid4().hex[:12]}")
        self.journal, self.agents = NatsJournal(bus), Agents(bus)
        self.hosts_live = True  # the recogniser and the actor of every call
        self._host = HostId(f"test-{self.tenant}")
        self._hosted: set[str] = set()
        self._written = 0

    async def host(self) -> None:
        """Own every call that rings as its recogniser and its actor, and say so when asked."""
        await self.bus.nc.subscribe(host_subject(self._host), cb=self._on_asked)
        await self.bus.nc.subscribe(f"live.call.{self.tenant}.*.line", cb=self._on_line)
        await self.bus.nc.flush()

    async def _on_asked(self, question: Msg) -> None:
        await question.respond(HELD if self.hosts_live else b"not held")

    async def _on_line(self, message: Msg) -> None:
        call = message.subject.split(".")[-2]
        if call in self._hosted:
            return
        self._hosted.add(call)
        for family, role in (("transcript", "stt"), ("dialog", "dialog")):
            claimed = OwnerClaimed(at_ms=1, role=role, host=self._host, epoch=1)
            await self._append(call, family, claimed)

    async def publish(self, **changes: Any) -> None:
        """A new revision of the receptionist. Callers may be silent for as long as a test takes."""
        patient = {"limits": Limits(media_silence_ms=60_000)}
        await self.agents.publish(self.tenant, Agent(name="receptionist", **patient | changes))

    async def open(self, **settings: Any) -> Serving:
        """Another gateway of this tenant, until the test ends."""
        return await self._leaving.enter_async_context(self.another(**settings))

    def behind(self, bus: Bus, leaving: AsyncExitStack) -> "House":
        """The same house on another connection, for gateways to have it."""
        house = House(bus, leaving)
        house.tenant = self.tenant
        return house

    def another(self, **settings: Any) -> AbstractAsyncContextManager[Serving]:
        """Another gateway of this tenant, during a block."""
        given = {"tenant": self.tenant, "agent": AgentId("receptionist"), "busy_ms": 0} | settings
        return serve(self.bus, GatewaySettings(**given), self.journal, self.agents)

    async def twilio(self, gateway: Serving, **settings: Any) -> TwilioDouble:
        """A carrier that sends its calls to this gateway."""
        return await self._leaving.enter_async_context(TwilioDouble(gateway.url, **settings))

    async def twilio_at(self, url: str) -> TwilioDouble:
        """A carrier that sends its calls to a gateway in another process."""
        return await self._leaving.enter_async_context(TwilioDouble(url))

    async def is_connected(self) -> bool:
        return self.bus.connected

    async def events(self, call: str, family: Family = "line") -> list[CallEvent]:
        """What the log holds of a call, oldest first."""
        found: list[CallEvent] = []
        async for recorded in self.journal.read(self.tenant, CallId(call), family):
            found.extend(recorded.message.events)
        return found

    async def until(self, call: str, *kinds: type) -> list[CallEvent]:
        """The line's events, as soon as one of each of these kinds is among them."""
        found: list[CallEvent] = []

        async def all_there() -> bool:
            found[:] = await self.events(call)
            return all(any(isinstance(event, kind) for event in found) for kind in kinds)

        await eventually_async(all_there)
        return found

    async def decide(self, call: str, *events: DialogEvent | SynthesisEvent) -> None:
        """Write to the call as its actor would, or as the synthesiser."""
        family: Family = "synthesis" if "Synth" in type(events[0]).__name__ else "dialog"
        await self._append(call, family, *events)

    async def _append(self, call: str, family: Family, *events: CallEvent) -> None:
        self._written += 1
        message, id = Message(by=self._host, events=events), f"{call}:test:{self._written}"
        await self.journal.append(self.tenant, CallId(call), family, message, id=id)

    async def add(self, call: str, *events: LineEvent, by: str = "gateway-dead") -> None:
        """Write to the line as a gateway did that is not there any more."""
        self._written += 1
        message, id = Message(by=by, events=events), f"{call}:test:{self._written}"
        await self.journal.append(self.tenant, CallId(call), "line", message, id=id)

    async def returned(self, call: str, stint: int, reply: int = 0) -> None:
        """The actor lets the line speak that came back."""
        await self.decide(call, CallerReturned(at_ms=1, stint=stint, reply=reply))

    def speak(
        self,
        call: str,
        sound: bytes,
        *,
        reply: int = 1,
        sentence: int = 1,
        start_ms: int = 0,
        epoch: int = 1,
        last: bool = True,
    ) -> None:
        """Publish a piece of a sentence, `start_ms` into it, as the synthesiser would."""
        chunk = AgentChunk(epoch, reply, sentence, start_ms * 8, last, now_ms(), sound)
        subject = audio_subject(self.tenant, CallId(call), "agent")
        self.bus.pub(subject, pack_agent(chunk))

    async def until_answered(self, call: str) -> None:
        await self.until(call, LineAnswered)

    async def answered(self, twilio: TwilioDouble) -> tuple[MediaSocket, Document]:
        """A call whose sound flows."""
        document = await twilio.ring()
        media = await twilio.connect(document)
        await self.until(document.call, LineAnswered)
        return media, document


def sound(ms: int, code: int) -> bytes:
    """`ms` of something recognisable: the same mu-law byte."""
    assert ms * 8 % FRAME_BYTES == 0
    return bytes([code]) * (ms * 8)


def only(kind: type, events: list[CallEvent]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def facts(event: CallEvent) -> dict[str, Any]:
    """An event without its time."""
    return {k: v for k, v in msgspec.structs.asdict(event).items() if k != "at_ms"}
