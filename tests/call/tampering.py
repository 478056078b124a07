"""A call on a real log, and copies of it that somebody has tampered with."""

import re
from typing import NamedTuple

from memory_log import CALL, TENANT, family_of
from scenes import (
    AGENT,
    NOW,
    AnyFact,
    answered,
    asked_for,
    found,
    hung_up,
    model_done,
    passage,
    played,
    pressed,
    rang,
    reported,
    said,
    wrote,
)

from contracts import line, synthesis
from contracts.dialog import InnerFact
from contracts.event import OwnerClaimed
from contracts.ids import HostId
from contracts.recorded import FactCause, Message
from contracts.streams import CALLS, Family
from infra.agents import Agents
from infra.call_log import CallLog
from infra.journal import NatsJournal
from infra.nats import Bus
from services.call.actor import Actor
from services.call.verify import Finding, verify
from services.cli.verdict import Verified
from services.cli.verifying import verify_log


class Raw(NamedTuple):
    """A message as it is stored; its sequence is its place in the list, from 1."""

    subject: str
    payload: bytes

    @property
    def family(self) -> str:
        return self.subject.rpartition(".")[2]


class RealCall:
    """A call whose facts are stored on a real log and then decided upon."""

    def __init__(self, bus: Bus) -> None:
        self.journal = NatsJournal(bus)
        self.hosts = 0
        self._stored = 0
        self._at = 0  # newest sequence read

    async def host(self) -> None:
        """Another dialog host claims the call."""
        self.hosts += 1
        host = HostId(f"dialog-{self.hosts}")
        self.actor = Actor(self.journal, TENANT, CALL, AGENT, host)
        await self.actor.claim(NOW)

    async def store(self, fact: AnyFact | OwnerClaimed, family: Family, epoch: int = 0) -> None:
        self._stored += 1
        by = {"transcript": f"stt-{epoch}"}.get(family, "outside")
        message = Message(by=by, events=(fact,), epoch=epoch)  # type: ignore[arg-type]
        id = f"{CALL}:{family}:{self._stored}"
        await self.journal.append(TENANT, CALL, family, message, id=id)

    async def tell(self, *facts: AnyFact, epoch: int = 1) -> None:
        for fact in facts:
            if isinstance(fact, InnerFact):
                await self.actor.take(fact)
            else:
                family = family_of(fact)
                await self.store(fact, family, epoch if family in ("line", "transcript") else 0)
                await self.take_in()

    async def take_in(self) -> None:
        """The actor sees what was stored since."""
        news = [r async for r in self.journal.read(TENANT, CALL, after=self._at)]
        for recorded in news:
            self._at = recorded.sequence
            if recorded.family == "dialog" or not self.actor.saw(recorded):
                continue
            for index, event in recorded.events():
                if not isinstance(event, OwnerClaimed):
                    place = FactCause(sequence=recorded.sequence, index=index)
                    await self.actor.take(event, place)  # type: ignore[arg-type]


async def hold_a_call(bus: Bus) -> None:
    """Two dialog hosts, two recognisers, two stints of the line, a lookup and a tool."""
    call = RealCall(bus)
    await call.host()
    await call.tell(rang(), answered())
    await call.store(claimed("stt", 1), "transcript", 1)
    await call.tell(played(1), said("when are you open"), found(1, passage()))
    await call.tell(wrote(2, "From nine to five."), model_done(2), synthesized(2), played(2))
    await call.host()
    await call.store(claimed("stt", 2), "transcript", 2)
    await call.tell(line.LineLost(at_ms=NOW, reason="reset"))
    await call.tell(line.LineResumed(at_ms=NOW, stream="MZ2"), epoch=2)
    await call.tell(played(3), said("book me in on monday", 2), epoch=2)
    await call.tell(asked_for("book", 4, day="monday"), played(4), pressed("5"), epoch=2)
    await call.tell(said("yes please", 3), reported("run-1", number="one"), played(5), epoch=2)
    await call.tell(hung_up(), epoch=2)
    await call.tell(line.CarrierReported(at_ms=NOW, status="completed", sequence=1), epoch=0)


def claimed(role: str, epoch: int) -> OwnerClaimed:
    return OwnerClaimed(at_ms=NOW, role="stt", host=f"{role}-{epoch}", epoch=epoch)


def synthesized(reply: int) -> synthesis.SentenceSynthesized:
    return synthesis.SentenceSynthesized(
        at_ms=NOW,
        reply=reply,
        sentence=1,
        audio_ms=900,
        first_audio_ms=10.0,
        took_ms=20.0,
        characters=18,
        provider="tone",
    )


class Log:
    """A log that holds one call, or a copy of it."""

    def __init__(self, bus: Bus) -> None:
        self.bus, self.agents = bus, Agents(bus)

    async def hold_a_call(self) -> list[Raw]:
        """Hold it, and give all that is stored then."""
        await hold_a_call(self.bus)
        history = (await CallLog(self.bus).read(TENANT, CALL)).history
        assert [each.sequence for each in history] == list(range(1, len(history) + 1))
        return [Raw(f"call.{TENANT}.{CALL}.{each.family}", each.payload) for each in history]

    async def copy(self, messages: list[Raw]) -> None:
        """Then it is empty but for these, in this order."""
        there = await self.bus.js.stream_info(CALLS.name)
        await self.bus.js.delete_stream(CALLS.name)
        await self.bus.js.add_stream(there.config)
        for place, each in enumerate(messages, start=1):
            assert (await self.bus.js.publish(each.subject, each.payload)).seq == place

    async def delete(self, sequence: int) -> None:
        await self.bus.js.delete_msg(CALLS.name, sequence)

    async def verified(self) -> Verified:
        return await verify_log(self.bus, NatsJournal(self.bus), self.agents, None, TENANT)

    async def findings_later(self) -> list[Finding]:
        """What is wrong when the call's owner has had all the time it needs."""
        whole = await CallLog(self.bus).read(TENANT, CALL)
        later_ms = whole.history[-1].stored_ms + 60_000
        return list(verify(whole.history, AGENT, now_ms=later_ms).findings)

    async def findings(self) -> list[Finding]:
        verified = await self.verified()
        return [*verified.log, *(each for call in verified.broken for each in call.findings)]


def names(finding: Finding, sequence: int) -> bool:
    """Whether it speaks of that message."""
    return finding.sequence == sequence or bool(re.search(rf"messages? {sequence}\b", finding.says))
