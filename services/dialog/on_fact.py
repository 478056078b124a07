"""facts of one call -> decisions of its actor -> what they owe."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final, NamedTuple

import aiohttp

from contracts.agent import Agent
from contracts.dialog import InnerFact, ModelFailed, ToolReported, WaitEnded
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import JournalUnavailable
from contracts.passages import Passage, PassagesFound
from contracts.recorded import Fact, FactCause, Recorded
from infra.cancelling import stop_if_cancelled
from infra.journal import NatsJournal
from infra.live import Following, follow
from infra.nats import Bus
from services.call import tools as rules
from services.call.actor import Actor
from services.call.duties import Duty, Run, Wait, Write, duty
from services.call.state import Ended
from services.dialog import tools
from services.dialog.prompt import prompt
from services.dialog.provider import LanguageModel
from services.dialog.writing import Report, unsaid, write

_log: Final = logging.getLogger("partyline.dialog")
_RETRY_S: Final = 0.2


class Outside(NamedTuple):
    """What the calls of one process share."""

    bus: Bus
    journal: NatsJournal
    models: dict[str, LanguageModel]
    http: aiohttp.ClientSession


class HostedCall:
    """One call's actor, its facts in order, and the one duty its situation has."""

    def __init__(self, actor: Actor, outside: Outside) -> None:
        self._actor, self._outside = actor, outside
        self._facts: asyncio.Queue[tuple[Fact | InnerFact, FactCause | Duty]] = asyncio.Queue()
        self._passages: dict[int, tuple[Passage, ...]] = {}  # by turn
        self._inherited = duty(actor.state, actor.agent)  # an earlier owner had taken it up
        self._duty: Duty | None = None
        self._work: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Host the call to its end. Raises WrongVersion when another host took it over."""
        actor, outside = self._actor, self._outside
        await self._recall_passages()
        following = await follow(
            outside.bus,
            outside.journal,
            actor.tenant,
            actor.call,
            families=("line", "transcript", "passages", "synthesis"),
            after=actor.basis,
        )
        pump = asyncio.create_task(self._pump(following))
        try:
            await self._do_duty()
            while not isinstance(actor.state, Ended):
                stop_if_cancelled()
                fact, source = await self._facts.get()
                if isinstance(source, FactCause):
                    await self._take(fact, source)
                elif source is self._duty:  # else it was let go: this may answer a turn gone by
                    await self._take(fact, None)
        finally:
            await following.close()
            await _cancelled(pump)
            await self._stop_work()

    async def _pump(self, following: Following) -> None:
        async for recorded in following:
            self._arrived(recorded)

    def _arrived(self, recorded: Recorded) -> None:
        for index, event in recorded.events():
            if isinstance(event, PassagesFound):
                self._passages[event.turn] = event.passages
            if isinstance(event, Fact):
                place = FactCause(sequence=recorded.sequence, index=index)
                self._facts.put_nowait((event, place))

    async def _take(self, fact: Fact | InnerFact, place: FactCause | None) -> None:
        """Decide and record; while the log is away, try the very same decision again."""
        while True:
            try:
                events = await self._actor.take(fact, place)
            except JournalUnavailable:
                _log.warning("call %s: a decision waits for the log", self._actor.call)
                await asyncio.sleep(_RETRY_S)
                continue
            if events:
                await self._do_duty()
            return

    async def _do_duty(self) -> None:
        """Let go of work the situation no longer asks for, and take up what it does."""
        wanted = duty(self._actor.state, self._actor.agent)
        if wanted == self._duty:
            return
        await self._stop_work()
        self._duty = wanted
        if wanted is not None:
            self._work = asyncio.create_task(self._work_on(wanted))

    async def _work_on(self, wanted: Duty) -> None:
        """Do the work; a fault in it is reported, so that the caller gets an answer anyway."""
        try:
            await self._work_for(wanted)
        except Exception as failed:
            kind = type(failed).__name__
            _log.error("call %s: %s failed: %s", self._actor.call, type(wanted).__name__, kind)
            _log.debug("where it failed", exc_info=failed)
            self._report(wanted, _failure(wanted, kind))

    def _work_for(self, wanted: Duty) -> Coroutine[Any, Any, None]:
        match wanted:
            case Write():
                return self._write(wanted)
            case Run():
                return self._run(wanted)
            case Wait():
                return self._wait(wanted)

    async def _write(self, wanted: Write) -> None:
        actor = self._actor
        report: Report = partial(self._report, wanted)
        model = self._outside.models.get(actor.agent.llm.provider)
        talk = getattr(actor.state, "talk", None)
        if model is None or talk is None:
            _log.error("call %s: no model %s here", actor.call, actor.agent.llm.provider)
            report(ModelFailed(at_ms=_now_ms(), reply=wanted.reply, kind="not configured"))
            return
        passages = self._passages.get(talk.turn, ()) if talk.sources else ()
        if wanted == self._inherited and talk.reply:
            report = unsaid(talk.reply.sentences, report)
        await write(model, prompt(talk, actor.agent, passages), wanted.reply, report)

    async def _run(self, wanted: Run) -> None:
        tool = rules.find(self._actor.agent, wanted.tool)
        if tool is None:
            self._report(wanted, _failure(wanted, "no such tool"))
            return
        if wanted == self._inherited and tool.url and not tool.idempotent:
            self._report(wanted, _failure(wanted, "interrupted"))  # it may have been run: not twice
            return
        http, call = self._outside.http, self._actor.call
        ran = await tools.run(tool, call, wanted.invocation, wanted.arguments, http)
        self._report(wanted, ran)

    async def _wait(self, wanted: Wait) -> None:
        await asyncio.sleep(max(0.0, wanted.until_ms / 1000 - time.time()))
        ended = WaitEnded(at_ms=_now_ms(), turn=wanted.turn, awaited=wanted.awaited)
        self._report(wanted, ended)

    def _report(self, wanted: Duty, fact: InnerFact) -> None:
        self._facts.put_nowait((fact, wanted))

    async def _recall_passages(self) -> None:
        """What an earlier owner had been given, in case its answer is to be written again."""
        actor = self._actor
        if not actor.basis:
            return
        async for recorded in self._outside.journal.read(actor.tenant, actor.call, "passages"):
            for _, event in recorded.events():
                if isinstance(event, PassagesFound):
                    self._passages[event.turn] = event.passages

    async def _stop_work(self) -> None:
        work, self._work, self._duty = self._work, None, None
        if work is not None:
            await _cancelled(work)


async def host_call(
    tenant: TenantId, call: CallId, agent: Agent, host: HostId, outside: Outside
) -> None:
    """Own the call and host it to its end. Raises WrongVersion when another host takes it."""
    actor = Actor(outside.journal, tenant, call, agent, host)
    await actor.claim()
    if not isinstance(actor.state, Ended):
        await HostedCall(actor, outside).run()


def _failure(wanted: Duty, kind: str) -> InnerFact:
    match wanted:
        case Write(reply=reply):
            return ModelFailed(at_ms=_now_ms(), reply=reply, kind=kind)
        case Run(invocation=invocation):
            error = {"error": kind}
            return ToolReported(at_ms=_now_ms(), invocation=invocation, ok=False, result=error)
        case Wait(turn=turn, awaited=awaited):
            return WaitEnded(at_ms=_now_ms(), turn=turn, awaited=awaited)


async def _cancelled(task: asyncio.Task[None]) -> None:
    """End a task and see its failure. `await task` would swallow a cancellation of our own."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
