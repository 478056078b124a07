"""The shell around the rules: one process's hold on one call."""

import hashlib
import time
from typing import Final

from contracts.agent import Agent
from contracts.dialog import InnerFact
from contracts.event import OwnerClaimed
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Journal
from contracts.recorded import Decision, DialogEvent, Fact, FactCause, Message, Recorded
from services.call.decide import decide
from services.call.evolve import fold
from services.call.state import CallState, Unopened, state_hash

_FAMILY: Final = "dialog"


def payload_hash(payload: bytes) -> str:
    """What the next decision's `prev` holds: SHA-256 of stored bytes, hexadecimal."""
    return hashlib.sha256(payload).hexdigest()


class Actor:
    """Keeps state and version in memory, and is the only writer of the call's decisions.

    Every append carries the sequence of the last one, so a second owner's claim makes this one
    fail with WrongVersion: then the call belongs to somebody else and this actor must stop.
    """

    def __init__(
        self, journal: Journal, tenant: TenantId, call: CallId, agent: Agent, host: HostId
    ) -> None:
        self.agent: Final = agent
        self.call: Final = call
        self.tenant: Final = tenant
        self.state: CallState = Unopened()
        self.epoch = 0
        self.basis = 0  # stream sequence of the newest fact seen
        self._journal, self._host = journal, host
        self._n = 0
        self._sequence = 0  # of the newest decision
        self._prev = ""

    async def claim(self, at_ms: int | None = None) -> None:
        """Fold the decisions so far and own the call from here on.

        Raises: WrongVersion when another host claimed it meanwhile; JournalUnavailable.
        """

        def step_over(sequence: int) -> None:
            self._sequence = sequence

        async for recorded in self._journal.read(
            self.tenant, self.call, "dialog", left_out=step_over
        ):
            self._apply(recorded)
        self.epoch += 1
        now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
        claimed = OwnerClaimed(at_ms=now_ms, role="dialog", host=self._host, epoch=self.epoch)
        await self._record([claimed], None)

    async def take(
        self, fact: Fact | InnerFact, place: FactCause | None = None
    ) -> list[DialogEvent]:
        """Record what `fact` changes about the call; [] when it changes nothing.

        `place`: where the fact stands in the log; None: it is recorded with the decision.
        Raises: WrongVersion when another host owns the call; JournalUnavailable.
        """
        if place is not None:
            self.basis = max(self.basis, place.sequence)
        events = decide(fact, self.state, self.agent)
        if events:
            await self._record(events, _cause(fact, place))
        return events

    async def _record(self, events: list[DialogEvent], cause: FactCause | InnerFact | None) -> None:
        state = fold(events, self.state)
        decision = Decision(
            n=self._n + 1, basis=self.basis, cause=cause, prev=self._prev, state=state_hash(state)
        )
        message = Message(by=self._host, events=tuple(events), epoch=self.epoch, decision=decision)
        appended = await self._journal.append(
            self.tenant,
            self.call,
            "dialog",
            message,
            id=f"{self.call}:{_FAMILY}:{self._host}:{decision.n}",
            after=self._sequence,
        )
        self.state, self._n = state, decision.n
        self._sequence, self._prev = appended.sequence, payload_hash(appended.payload)

    def _apply(self, recorded: Recorded) -> None:
        message = recorded.message
        self.state = fold(dialog_events(message), self.state)
        self.epoch = max(self.epoch, message.epoch)
        self._sequence, self._prev = recorded.sequence, payload_hash(recorded.payload)
        if message.decision:
            self._n = message.decision.n
            self.basis = max(self.basis, message.decision.basis)


def dialog_events(message: Message) -> list[DialogEvent]:
    """The message's events, where it is one of the dialog family."""
    return [event for event in message.events if isinstance(event, DialogEvent)]


def _cause(fact: Fact | InnerFact, place: FactCause | None) -> FactCause | InnerFact:
    if place is not None:
        return place
    assert isinstance(fact, InnerFact)  # a fact of another role always has its place
    return fact
