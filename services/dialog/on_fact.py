"""facts of one call -> decisions of its actor -> what they owe."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import aiohttp

from contracts.agent import Agent
from contracts.dialog import DraftDropped, InnerFact, ModelFailed, ToolReported, WaitEnded
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.line import LineEnded
from contracts.passages import Passage, PassagesFound
from contracts.recorded import Fact, FactCause, ModelSaid, Recorded
from contracts.streams import Family
from infra.cancelling import end_tasks, stop_if_cancelled
from infra.chain import Breakers
from infra.journal import NatsJournal
from infra.live import Following, follow
from infra.nats import Bus
from infra.ownership import still_owned
from services.call import tools as rules
from services.call.actor import Actor
from services.call.duties import Duty, Run, Wait, Write, duty
from services.call.state import Ended
from services.dialog import tools
from services.dialog.asking import look_up
from services.dialog.prompt import prompt
from services.dialog.provider import LanguageModel
from services.dialog.speculation import Speculation
from services.dialog.switching import Writers

_log: Final = logging.getLogger("partyline.dialog")
_RETRY_S: Final = 0.2
_LEAST_WAIT_S: Final = 60.0
_FAMILIES: Final[tuple[Family, ...]] = ("line", "transcript", "passages", "synthesis")


class Outside(NamedTuple):
    """What the calls of one process share."""

    bus: Bus
    journal: NatsJournal
    models: Mapping[str, LanguageModel]
    http: aiohttp.ClientSession
    breakers: Breakers  # of the models


class _Reported(NamedTuple):
    """What came of a duty; None: it came out that the call has another owner."""

    duty: Duty
    fact: InnerFact | None


_Next: TypeAlias = Recorded | _Reported | DraftDropped | None
"""None: look whether the call is to be left."""


class HostedCall:
    """One call's actor, its facts in order, and the one duty its situation has."""

    def __init__(self, actor: Actor, outside: Outside, leave: asyncio.Event) -> None:
        """`leave`: set when another host is to have the call, at its next quiet moment."""
        self._actor, self._outside, self._leave = actor, outside, leave
        self._facts: asyncio.Queue[_Next] = asyncio.Queue()
        self._put_back: list[_Next] = []  # one at most: it comes before those in the queue
        self._speculation = Speculation(
            actor,
            outside.journal.codec,
            outside.models,
            partial(look_up, outside.bus, outside.journal.codec, actor),
            self._facts.put_nowait,
        )
        self._passages: dict[int, tuple[Passage, ...]] = {}  # by turn
        self._inherited = duty(actor.state, actor.agent)  # an earlier owner had taken it up
        self._duty: Duty | None = None
        self._writers = Writers(actor.agent, self._speculation.models, outside.breakers)
        self._work: asyncio.Task[None] | None = None

    async def run(self) -> bool:
        """Host the call to its end; False: it was left before that.

        Raises: WrongVersion when another host took it over.
        """
        actor, outside = self._actor, self._outside
        following = await follow(
            outside.bus,
            outside.journal,
            actor.tenant,
            actor.call,
            families=_FAMILIES,
            after=await self._look_back(),
            on_draft=self._speculation.on_draft,
        )
        pump = asyncio.create_task(self._pump(following))
        leaving = asyncio.create_task(self._look_up_when_leaving())
        try:
            await self._do_duty()
            while not isinstance(actor.state, Ended):
                stop_if_cancelled()
                if self._leave.is_set() and self._quiet:
                    return False
                await self._on_next(await self._next(), following)
                self._speculation.look_ahead()
        finally:
            leaving.cancel()
            await following.close()
            await _cancelled(pump)
            await self._stop_work()
            await self._speculation.close()
        return True

    @property
    def _quiet(self) -> bool:
        """Whether nothing is half done that another host would have to do again."""
        return self._duty is None or isinstance(self._duty, Wait)

    async def _look_up_when_leaving(self) -> None:
        await self._leave.wait()
        self._facts.put_nowait(None)

    async def _pump(self, following: Following) -> None:
        async for recorded in following:
            self._facts.put_nowait(recorded)

    async def _next(self) -> "_Next":
        return self._put_back.pop() if self._put_back else await self._facts.get()

    async def _on_next(self, next: "_Next", following: Following) -> None:
        if isinstance(next, Recorded):
            await self._on_recorded(next, following)
        elif isinstance(next, DraftDropped):
            await self._take(next, None)
        elif next and next.duty is self._duty:  # else it was let go: this may answer a turn gone by
            if next.fact is None:
                raise WrongVersion("dialog")
            more = self._said_besides(next.duty) if isinstance(next.fact, ModelSaid) else []
            if not await self._take(next.fact, None, more):
                for said in more:
                    await self._take(said, None)

    def _said_besides(self, by: Duty) -> list[ModelSaid]:
        """What the model has said already behind this: stored together, heard as soon."""
        more: list[ModelSaid] = []
        while not self._facts.empty():
            next = self._facts.get_nowait()
            if isinstance(next, _Reported) and next.duty is by and isinstance(next.fact, ModelSaid):
                more.append(next.fact)
            else:
                self._put_back.append(next)
                break
        return more

    async def _on_recorded(self, recorded: Recorded, following: Following) -> None:
        if any(isinstance(event, LineEnded) for _, event in recorded.events()):
            await self._see_the_rest(recorded, following)
            if dropped := self._speculation.end():
                await self._take(dropped, None)
        if recorded.family == "transcript":
            self._speculation.settle()
        first = 0 if self._actor.saw(recorded) else self._first_unanswered(recorded)
        self._remember_passages(recorded)
        for index, event in list(recorded.events())[first:]:
            if isinstance(event, Fact):
                await self._take(event, FactCause(sequence=recorded.sequence, index=index))

    def _first_unanswered(self, recorded: Recorded) -> int:
        """Of a message seen before: the event after the one an owner answered before it died."""
        answered = self._actor.broken_off
        if answered is None or answered.sequence != recorded.sequence:
            return len(recorded.message.events)
        self._actor.broken_off = None
        return answered.index + 1

    async def _see_the_rest(self, last: Recorded, following: Following) -> None:
        """The last decision names every fact before it, also one that was missed on the way."""
        await following.catch_up()
        async for recorded in self._read_facts():
            if recorded.sequence < last.sequence:
                self._actor.saw(recorded)

    async def _look_back(self) -> int:
        """What an earlier owner had been told, in case its answer is to be written again.

        Returns: the sequence after which there are facts that no decision has named or answered.
        """
        start, answered = self._actor.basis, self._actor.broken_off
        if answered is not None:
            start = min(start, answered.sequence - 1)
        async for recorded in self._read_facts():
            self._remember_passages(recorded)
            if not self._actor.has_seen(recorded.sequence):
                start = min(start, recorded.sequence - 1)
        return start

    def _remember_passages(self, recorded: Recorded) -> None:
        for _, event in recorded.events():
            if isinstance(event, PassagesFound):
                self._passages[event.turn] = event.passages

    async def _read_facts(self) -> AsyncIterator[Recorded]:
        actor = self._actor
        async for recorded in self._outside.journal.read(actor.tenant, actor.call):
            if recorded.family in _FAMILIES:
                yield recorded

    async def _take(
        self,
        fact: Fact | InnerFact,
        place: FactCause | None,
        more: Sequence[ModelSaid] = (),
    ) -> bool:
        """Decide and record; while the log is away, try the very same decision again.

        False: it changed nothing, and `more` was not looked at.
        """
        while True:
            try:
                events = await self._actor.take(fact, place, more)
            except JournalUnavailable:
                _log.warning("call %s: a decision waits for the log", self._actor.call)
                await asyncio.sleep(_RETRY_S)
                continue
            if events:
                await self._do_duty()
            return bool(events)

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
        except WrongVersion:
            self._report(wanted, None)
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
        talk = getattr(actor.state, "talk", None)
        assert talk is not None  # else there would be nothing to write
        passages = self._passages.get(talk.turn, ()) if talk.sources else ()
        under_way = talk.reply and not talk.reply.over  # taken over or resumed: partly written
        await self._writers.write(
            prompt(talk, actor.agent, passages),
            wanted.reply,
            talk.reply.written if under_way else (),
            partial(self._report, wanted),
        )

    async def _run(self, wanted: Run) -> None:
        """Run the tool, or find out what came of it where an earlier owner may have run it."""
        actor, outside = self._actor, self._outside
        tool = rules.find(actor.agent, wanted.tool)
        if tool is None:
            self._report(wanted, _failure(wanted, "no such tool"))
            return
        owned = partial(
            still_owned,
            outside.bus,
            actor.tenant,
            actor.call,
            "dialog",
            actor.host,
        )
        use = tools.Use(tool, actor.call, wanted.invocation, wanted.arguments)
        again = wanted == self._inherited
        self._report(wanted, await tools.run(use, outside.http, owned, again=again))

    async def _wait(self, wanted: Wait) -> None:
        wait_s = wanted.until_ms / 1000 - time.time()
        # A clock set forward, here or at the gateway, must not end a call that is alive.
        await asyncio.sleep(max(wait_s, 0.0 if wanted.awaited == "passages" else _LEAST_WAIT_S))
        ended = WaitEnded(at_ms=_now_ms(), turn=wanted.turn, awaited=wanted.awaited)
        self._report(wanted, ended)

    def _report(self, wanted: Duty, fact: InnerFact | None) -> None:
        self._facts.put_nowait(_Reported(wanted, fact))

    async def _stop_work(self) -> None:
        work, self._work, self._duty = self._work, None, None
        if work is not None:
            await _cancelled(work)


async def host_call(
    tenant: TenantId,
    call: CallId,
    agent: Agent,
    host: HostId,
    outside: Outside,
    *,
    leave: asyncio.Event | None = None,
) -> bool:
    """Own the call and host it to its end, or until it is quiet after `leave` was set.

    Returns: whether it is over.
    Raises:  WrongVersion when another host takes it; JournalUnavailable.
    """
    actor = Actor(outside.journal, tenant, call, agent, host)
    await actor.claim()
    if isinstance(actor.state, Ended):
        return True
    return await HostedCall(actor, outside, leave or asyncio.Event()).run()


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
    await end_tasks([task])
    if not task.cancelled():
        task.result()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
