"""Calls on the real log whose line the test plays, in every situation a dialog can be in."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
from nats.js.errors import NotFoundError
from takeover_tools import ToolServer

from contracts import dialog, line, passages, transcript
from contracts.agent import Agent, Intent, Limits, Phrases, Provider, Tool
from contracts.claim import Claim
from contracts.codec import Codec
from contracts.event import AgentRef, OwnerClaimed
from contracts.ids import CallId, DocumentId, TenantId, new_call_id
from contracts.recorded import DialogEvent, Fact, Message, Recorded
from contracts.streams import CALLS, Family, call_subject
from infra.claims import offer
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus
from services.call.actor import dialog_events
from services.call.evolve import fold
from services.call.replay import check
from services.call.state import CallState, Ended, Unopened

SENTENCES = ["First we open.", "Then we work.", "Later we rest.", "In the end we close."]
SITUATIONS = ("listening", "answering", "acting", "asking", "consulting", "speaking")
_WITHIN_S = 30.0  # of a busy machine, with a takeover in between
_FAMILIES: dict[str, Family] = {
    line.__name__: "line",
    transcript.__name__: "transcript",
    passages.__name__: "passages",
}
Wanted = TypeVar("Wanted", bound=DialogEvent)


def a_clerk(tools_url: str, *, word_ms: int) -> Agent:
    """An agent with a slow model, knowledge, a tool that is run and one that asks first."""

    def tool(name: str, *, confirm: bool) -> Tool:
        return Tool(
            name=name,
            description=name,
            url=f"{tools_url}/run",
            check=f"{tools_url}/check",
            confirm=confirm,
            ask="Shall I do it?",
            done="It is {number}.",
            timeout_ms=10_000,
        )

    return Agent(
        name="clerk",
        knowledge="folder",
        phrases=Phrases(greeting="Hello."),
        intents=(
            Intent(name="look_up", kind="action", tool="look_up", phrases=("look it up",)),
            Intent(name="book", kind="action", tool="book", phrases=("book it for me",)),
        ),
        tools=(tool("look_up", confirm=False), tool("book", confirm=True)),
        llm=Provider(provider="clerk", options={"text": " ".join(SENTENCES), "delay_ms": word_ms}),
        limits=Limits(passages_ms=60_000),
    )


class Caller:
    """One call's line."""

    def __init__(self, bus: Bus, tenant: TenantId, agent: Agent, ref: AgentRef) -> None:
        self.bus, self.tenant, self.agent, self.ref = bus, tenant, agent, ref
        self.call = new_call_id()
        self.journal = NatsJournal(bus)
        self.returned: list[dialog.ToolReturned] = []
        self._facts = 0

    async def ring(self) -> None:
        """Ring, be hosted, and hear the greeting."""
        self._following = await follow(
            self.bus, self.journal, self.tenant, self.call, families=("dialog",)
        )
        self._decided = self._decisions()
        rang = line.LineRang(at_ms=now_ms(), carrier="loopback", carrier_call="CA1", agent=self.ref)
        await self.tell(rang, line.LineAnswered(at_ms=now_ms(), stream="MZ1"))
        claim = Claim(
            tenant=self.tenant, call=self.call, role="dialog", agent=self.ref, rang_ms=now_ms()
        )
        await offer(self.bus, claim)
        await self.hear_out()

    async def begin(self, situation: str) -> None:
        """Bring the call from listening into a situation."""
        match situation:
            case "answering":
                await self.say("hello there")
                await self.next(dialog.SentenceWritten)
            case "speaking":
                await self.say("hello there")
                await self.next(dialog.ReplyFinished)
            case "consulting":
                await self.say("when do you open")
                await self.next(dialog.PassagesWanted)
            case "acting":
                await self.say("look it up")
                await self.next(dialog.ToolCalled)
            case "asking":
                await self.say("book it for me")
                await self.next(dialog.ToolProposed)
                await self.hear_out()

    async def end(self, situation: str) -> None:
        """Go on from a situation until the agent listens again."""
        match situation:
            case "listening":
                await self.say("hello there")
                await self.hear_out()
            case "answering":
                await self.hear_out()
            case "speaking":
                await self.play_out(self._last_reply)
            case "consulting":
                await self.know()
                await self.hear_out()
            case "acting":
                self.returned.append(await self.next(dialog.ToolReturned))
                await self.hear_out()
            case "asking":
                await self.say("yes")
                self.returned.append(await self.next(dialog.ToolReturned))
                await self.hear_out()

    async def converse(self, seed: int, until: asyncio.Event) -> None:
        """Any situation after any other, until told to stop."""
        any_of = random.Random(seed)
        while not until.is_set():
            situation = any_of.choice(SITUATIONS)
            await self.begin(situation)
            await self.end(situation)

    async def tell(self, *facts: Fact) -> None:
        self._facts += 1
        family = _FAMILIES[type(facts[0]).__module__]
        message = Message(by="outside", events=facts)
        id = f"{self.call}:{family}:{self._facts}"
        await self.journal.append(self.tenant, self.call, family, message, id=id)

    async def say(self, text: str) -> None:
        said = transcript.TranscriptFinalized(
            at_ms=now_ms(), utterance=1, text=text, confidence=1.0, speech_ended_ms=now_ms()
        )
        await self.tell(said)

    async def know(self) -> None:
        passage = passages.Passage(
            document=DocumentId("hours"), chunk=0, title="Hours", text="At nine.", score=1.0
        )
        found = passages.PassagesFound(
            at_ms=now_ms(), turn=self._turn, passages=(passage,), took_ms=1.0
        )
        await self.tell(found)

    async def hear_out(self) -> None:
        """Wait for the reply to be written, and play it."""
        await self.next(dialog.ReplyFinished)
        await self.play_out(self._last_reply)

    async def play_out(self, reply: int) -> None:
        await self.tell(line.PlaybackFinished(at_ms=now_ms(), reply=reply))
        await self.next(dialog.ReplyHeard)

    async def hang_up(self) -> None:
        await self.tell(line.LineEnded(at_ms=now_ms(), reason="caller_hung_up"))
        await self.next(dialog.CallEnded)
        await self._following.close()

    async def next(self, kind: type[Wanted]) -> Wanted:
        """The next decision of that kind, those before it passed over."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                async for event in self._decided:
                    if isinstance(event, kind):
                        return event
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__}: {await self._lately()}") from None
        raise AssertionError("the log ended")

    async def _lately(self) -> str:
        """The newest messages: their age in seconds, who wrote them, and what they are."""
        recorded = [r async for r in self.journal.read(self.tenant, self.call)][-12:]
        return "; ".join(
            f"{(now_ms() - r.stored_ms) / 1000:.1f} {r.message.by}/{r.message.epoch} "
            + ",".join(type(event).__name__ for event in r.message.events)
            for r in recorded
        )

    async def _decisions(self) -> AsyncIterator[DialogEvent]:
        async for recorded in self._following:
            for event in dialog_events(recorded.message):
                if isinstance(event, dialog.ReplyBegun):
                    self._last_reply = event.reply
                elif isinstance(event, dialog.TurnTaken):
                    self._turn = event.turn
                yield event

    async def decisions(self) -> list[Recorded]:
        return [r async for r in self.journal.read(self.tenant, self.call, "dialog")]

    async def stale_requests(self, tools: ToolServer) -> list[str]:
        """Uses of tools that were requested by one who had lost the call."""
        decisions = await self.decisions()
        claimed_ms = [recorded.stored_ms for recorded, _ in claims_in(decisions)]
        called = {
            f"{self.call}:{event.invocation}": recorded.stored_ms
            for recorded in decisions
            for event in recorded.message.events
            if isinstance(event, dialog.ToolCalled)
        }
        return [key for key, at_ms in called.items() if tools.stale(key, at_ms, claimed_ms)]

    async def owner(self) -> tuple[str, int]:
        """The present host and its epoch; 0 before there is one."""
        return await newest(self.bus, self.tenant, self.call, "dialog")

    async def assert_whole(self) -> None:
        """The call adds up, went on unchanged with each owner, and said nothing twice."""
        history = [r async for r in self.journal.read(self.tenant, self.call)]
        assert check(history, self.agent) == []
        decisions = [r for r in history if r.family == "dialog"]
        assert stale(decisions) == []
        assert _changed_by_claims(decisions) == []
        assert isinstance(_folded(decisions), Ended)
        for spoken in _answers(decisions):
            assert spoken == SENTENCES


async def newest(bus: Bus, tenant: TenantId, call: CallId, family: Family) -> tuple[str, int]:
    """Who wrote the family's last message, and in which epoch."""
    try:
        last = await bus.js.get_last_msg(CALLS.name, call_subject(tenant, call, family))
    except NotFoundError:
        return "", 0
    message = Codec().decode(call, last.data or b"")
    return message.by, message.epoch


def claims_in(decisions: list[Recorded]) -> list[tuple[Recorded, OwnerClaimed]]:
    """Who became the owner, and where that stands."""
    return [
        (recorded, event)
        for recorded in decisions
        for event in recorded.message.events
        if isinstance(event, OwnerClaimed)
    ]


def stale(recorded: list[Recorded]) -> list[int]:
    """Sequences of messages of a family that were not written by the owner of that moment."""
    owner, epoch, wrong = "", 0, []
    for each in recorded:
        for event in each.message.events:
            if isinstance(event, OwnerClaimed):
                if event.epoch != epoch + 1:
                    wrong.append(each.sequence)
                owner, epoch = event.host, event.epoch
        if (each.message.by, each.message.epoch) != (owner, epoch):
            wrong.append(each.sequence)
    return wrong


def _answers(decisions: list[Recorded]) -> list[list[str]]:
    """The sentences of each answer by the model that was written to its end."""
    events = [e for r in decisions for e in dialog_events(r.message)]
    answers = {e.reply for e in events if isinstance(e, dialog.ReplyBegun) and e.kind == "answer"}
    done = {e.reply for e in events if isinstance(e, dialog.ReplyFinished)}
    return [
        [e.text for e in events if isinstance(e, dialog.SentenceWritten) and e.reply == reply]
        for reply in sorted(answers & done)
    ]


def _changed_by_claims(decisions: list[Recorded]) -> list[int]:
    """Sequences of claims that changed more of the state than its epoch."""
    changed: list[int] = []
    state: CallState = Unopened()
    for recorded in decisions:
        before, state = state, fold(dialog_events(recorded.message), state)
        if claims_in([recorded]) and _but_for_epoch(before) != _but_for_epoch(state):
            changed.append(recorded.sequence)
    return changed


def _but_for_epoch(state: CallState) -> Any:
    plain: dict[str, Any] = msgspec.to_builtins(state)
    (plain.get("talk") or plain).pop("epoch", None)
    return plain


def _folded(decisions: list[Recorded]) -> CallState:
    return fold([e for r in decisions for e in dialog_events(r.message)], Unopened())


def now_ms() -> int:
    return time.time_ns() // 1_000_000
