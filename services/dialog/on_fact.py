"""facts of one call -> decisions of its actor -> what they owe."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from contracts.agent import Agent
from contracts.dialog import DraftDropped, InnerFact
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.line import LineEnded
from contracts.recorded import Fact, FactCause, ModelSaid, Recorded
from contracts.seal import Locked
from contracts.streams import Family
from infra.cancelling import end_tasks, stop_if_cancelled
from infra.live import Following, Given, follow
from services.call.actor import Actor
from services.call.duties import Duty, Wait, Write, duty
from services.call.state import CallState, Ended
from services.dialog.asking import look_up
from services.dialog.doing import Doing, Outside, Reported
from services.dialog.speculation import Speculation

_log: Final = logging.getLogger("partyline.dialog")
_RETRY_S: Final = 0.2
_FAMILIES: Final[tuple[Family, ...]] = ("line", "transcript", "passages", "synthesis")


_Next: TypeAlias = Given | Reported | DraftDropped
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
        self._doing = Doing(actor, outside, self._speculation.models, self._facts.put_nowait)
        self._duty: Duty | None = None
        self._work: asyncio.Task[None] | None = None
        self._begun: tuple[Duty, asyncio.Task[None]] | None = None  # before it is due

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
            into=self._facts.put_nowait,
        )
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

    async def _next(self) -> "_Next":
        return self._put_back.pop() if self._put_back else await self._facts.get()

    async def _on_next(self, next: "_Next", following: Following) -> None:
        if isinstance(next, Recorded):
            await self._on_recorded(next, following)
        elif isinstance(next, Locked):
            raise next
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
            if isinstance(next, Reported) and next.duty is by and isinstance(next.fact, ModelSaid):
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
        self._doing.remember(recorded)
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
        """The last decision names every fact before it, also one that was missed on the way: what
        the log has of those is waiting then."""
        await following.catch_up()
        waiting = self._put_back[:]
        self._put_back.clear()
        while not self._facts.empty():
            waiting.append(self._facts.get_nowait())
        for next in waiting:
            if isinstance(next, Recorded) and next.sequence < last.sequence:
                self._actor.saw(next)
            self._facts.put_nowait(next)

    async def _look_back(self) -> int:
        """What an earlier owner had been told, in case its answer is to be written again.

        Returns: the sequence after which there are facts that no decision has named or answered.
        """
        start, answered = self._actor.basis, self._actor.broken_off
        if answered is not None:
            start = min(start, answered.sequence - 1)
        async for recorded in self._read_facts():
            self._doing.remember(recorded)
            if not self._actor.has_seen(recorded.sequence):
                start = min(start, recorded.sequence - 1)
        return start

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
                events = await self._actor.take(fact, place, more, self._begin_to_write)
            except JournalUnavailable:
                _log.warning("call %s: a decision waits for the log", self._actor.call)
                await asyncio.sleep(_RETRY_S)
                continue
            if events:
                await self._do_duty()
            return bool(events)

    def _begin_to_write(self, state: CallState) -> None:
        """Ask the model while what makes its words due is being stored.

        What it says is heard behind that; should another own the call by then, it is not heard.
        """
        wanted = duty(state, self._actor.agent)
        if self._quiet and self._begun is None and isinstance(wanted, Write):
            self._begun = wanted, asyncio.create_task(self._doing.do(wanted, state))

    async def _do_duty(self) -> None:
        """Let go of work the situation no longer asks for, and take up what it does."""
        wanted = duty(self._actor.state, self._actor.agent)
        if wanted == self._duty:
            return
        if self._begun is not None and self._begun[0] == wanted:
            if self._work is not None:
                self._work.cancel()  # it only waits, so nobody waits for its end
            (self._duty, self._work), self._begun = self._begun, None
            return
        await self._stop_work()
        if wanted is not None:
            self._duty = wanted
            self._work = asyncio.create_task(self._doing.do(wanted, self._actor.state))

    async def _stop_work(self) -> None:
        """Also what was begun for a decision that is not stored."""
        stopped = [self._work, *(self._begun or ())[1:]]
        self._work = self._duty = self._begun = None
        for work in stopped:
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


async def _cancelled(task: asyncio.Task[None]) -> None:
    """End a task and see its failure. `await task` would swallow a cancellation of our own."""
    await end_tasks([task])
    if not task.cancelled():
        task.result()
