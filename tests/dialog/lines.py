"""A call on the real log, with gateway, recogniser and knowledge played by the test."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp

from contracts import dialog, line, passages, transcript
from contracts.agent import Agent, Intent, Limits, Phrases, Provider, Tool
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, DocumentId, HostId, TenantId, new_call_id
from contracts.recorded import DialogEvent, Fact, Message, Recorded
from contracts.streams import DRAFT, Family, call_subject, live_subject
from infra.cancelling import end_tasks
from infra.chain import Breakers
from infra.journal import NatsJournal
from infra.live import Following, follow
from infra.nats import Bus
from services.call.actor import dialog_events
from services.call.replay import check, state_at
from services.call.state import CallState
from services.dialog.doing import Outside
from services.dialog.on_fact import host_call
from services.dialog.provider import LanguageModel
from services.dialog.providers.scripted import Scripted

TENANT = TenantId("dialog")
REF = AgentRef(agent=AgentId("receptionist"), revision=1)
LONG = "First we open. Then we work. Later we rest. In the end we close."
LONG_SENTENCES = ["First we open.", "Then we work.", "Later we rest.", "In the end we close."]
_WITHIN_S = 15.0
_FAMILIES: dict[str, Family] = {
    line.__name__: "line",
    transcript.__name__: "transcript",
    passages.__name__: "passages",
}
Wanted = TypeVar("Wanted", bound=DialogEvent)


def an_agent(url: str = "", *, model_ms: int = 10_000, tool_ms: int = 5_000, **tool: bool) -> Agent:
    """One harmless tool at `url`, reached by the words 'look it up'; else the scripted model."""
    return Agent(
        name="receptionist",
        phrases=Phrases(greeting="Hello."),
        intents=(Intent(name="look", kind="action", tool="look_up", phrases=("look it up",)),),
        tools=(
            Tool(
                name="look_up",
                description="Look it up.",
                url=url,
                confirm=False,
                done="It is {number}.",
                timeout_ms=tool_ms,
                **tool,  # type: ignore[arg-type]
            ),
        ),
        llm=Provider(provider="scripted", options={"text": LONG}),
        limits=Limits(model_ms=model_ms),
    )


class Line:
    """What happens on the line, and what the dialog decides about it."""

    def __init__(
        self, bus: Bus, agent: Agent, following: Following, call: CallId, journal: NatsJournal
    ) -> None:
        self.bus, self.agent, self.call, self.journal = bus, agent, call, journal
        self._following, self._decided = following, _events(following)
        self._facts = 0
        self._reply = 0

    async def tell(self, *facts: Fact, by: str = "outside") -> None:
        """Store facts as one message of the family they belong to."""
        self._facts += 1
        family = _FAMILIES[type(facts[0]).__module__]
        message = Message(by=by, events=facts)
        id = f"{self.call}:{family}:{self._facts}"
        await self.journal.append(TENANT, self.call, family, message, id=id)

    async def ring(self, *, hours_ago: int = 0) -> None:
        at_ms = now_ms() - hours_ago * 3_600_000
        rang = line.LineRang(at_ms=at_ms, carrier="loopback", carrier_call="CA1", agent=REF)
        await self.tell(rang)

    async def greet(self) -> None:
        """Ring, answer, and hear the greeting to its end."""
        await self.ring()
        await self.tell(line.LineAnswered(at_ms=now_ms(), stream="MZ1"))
        await self.hear()

    async def say(self, text: str) -> None:
        said = transcript.TranscriptFinalized(
            at_ms=now_ms(), utterance=1, text=text, confidence=1.0, speech_ended_ms=now_ms()
        )
        await self.tell(said)

    def draft(self, text: str, *, eager: bool = True) -> None:
        """What the recogniser makes of the turn so far."""
        drafted = transcript.TranscriptDrafted(at_ms=now_ms(), utterance=1, text=text, eager=eager)
        message = Message(by="outside", events=(drafted,))
        payload = self.journal.codec.encode(self.call, message)
        self.bus.pub(live_subject(TENANT, self.call, DRAFT), payload)

    async def know(self, turn: int, text: str) -> None:
        passage = passages.Passage(
            document=DocumentId("hours"), chunk=0, title="Opening hours", text=text, score=1.0
        )
        await self.tell(
            passages.PassagesFound(at_ms=now_ms(), turn=turn, passages=(passage,), took_ms=1.0)
        )

    async def hear(self) -> str:
        """Wait for the next reply to be written, play it out, and give its words."""
        words: list[str] = []
        async with asyncio.timeout(_WITHIN_S):
            async for event in self._decided:
                if isinstance(event, dialog.ReplyBegun):
                    words.clear()
                elif isinstance(event, dialog.SentenceWritten):
                    words.append(event.text)
                elif isinstance(event, dialog.ReplyFinished):
                    self._reply = event.reply
                    break
        await self.tell(line.PlaybackFinished(at_ms=now_ms(), reply=self._reply))
        await self.next(dialog.ReplyHeard)
        return " ".join(words)

    async def hang_up(self) -> None:
        await self.tell(line.LineEnded(at_ms=now_ms(), reason="caller_hung_up"))

    async def next(self, kind: type[Wanted]) -> Wanted:
        """The next decision of that kind, those before it passed over."""
        async with asyncio.timeout(_WITHIN_S):
            async for event in self._decided:
                if isinstance(event, kind):
                    return event
        raise AssertionError("the log ended")

    async def garbage(self, family: Family) -> None:
        await self.bus.js.publish(call_subject(TENANT, self.call, family), b'{"events":[{}]}')

    async def history(self) -> list[Recorded]:
        """All messages of the call; those no contract covers must not be among them."""
        return [recorded async for recorded in self.journal.read(TENANT, self.call)]

    async def decided(self) -> list[DialogEvent]:
        own = [r async for r in self.journal.read(TENANT, self.call, "dialog")]
        return [event for recorded in own for event in dialog_events(recorded.message)]

    async def adds_up(self) -> CallState:
        """Decide the whole call again from the log; its state at the end."""
        history = await self.history()
        assert check(history, self.agent) == []
        return state_at(history)

    async def close(self) -> None:
        await self._decided.aclose()  # type: ignore[attr-defined]
        await self._following.close()


async def _events(following: Following) -> AsyncIterator[DialogEvent]:
    async for recorded in following:
        for event in dialog_events(recorded.message):
            yield event


@asynccontextmanager
async def a_line(bus: Bus, agent: Agent, journal: NatsJournal | None = None) -> AsyncIterator[Line]:
    call, journal = new_call_id(), journal or NatsJournal(bus)
    following = await follow(bus, journal, TENANT, call, families=("dialog",))
    opened = Line(bus, agent, following, call, journal)
    try:
        yield opened
    finally:
        await opened.close()


class Hosts:
    """Processes that host calls, each with its own name."""

    def __init__(self, bus: Bus, http: aiohttp.ClientSession) -> None:
        self._bus, self._http = bus, http
        self._tasks: list[asyncio.Task[None]] = []

    def start(
        self,
        on: Line,
        host: str = "dialog-1",
        model: LanguageModel | None = None,
        journal: NatsJournal | None = None,
    ) -> asyncio.Task[None]:
        """Host the call until it ends; `model` answers for the scripted one."""
        models = {"scripted": model or Scripted()}
        journal = journal or NatsJournal(self._bus)
        outside = Outside(self._bus, journal, models, self._http, Breakers())
        hosting = host_call(TENANT, on.call, on.agent, HostId(host), outside)
        task = asyncio.create_task(hosting)
        self._tasks.append(task)
        return task

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def ended(task: asyncio.Task[None]) -> None:
    """The host has let the call go. Raises what made it do so."""
    await asyncio.wait_for(task, _WITHIN_S)


async def killed(task: asyncio.Task[None]) -> None:
    """What a process that dies leaves behind: nothing further is recorded."""
    await end_tasks([task])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def sentences_of(call: Line) -> list[str]:
    """What was written in answers, without the greeting."""
    events = await call.decided()
    answers = {e.reply for e in events if isinstance(e, dialog.ReplyBegun) and e.kind == "answer"}
    written = [e for e in events if isinstance(e, dialog.SentenceWritten) and e.reply in answers]
    assert [e.sentence for e in written] == list(range(1, len(written) + 1))
    return [e.text for e in written]
