"""The shell around the rules: one process's hold on one call."""

import hashlib
import time
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import Final

from contracts.agent import Agent
from contracts.dialog import InnerFact
from contracts.event import OwnerClaimed
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Journal
from contracts.recorded import (
    Decision,
    DialogEvent,
    Fact,
    FactCause,
    FactSeen,
    Message,
    ModelSaid,
    Recorded,
)
from services.call.decide import decide
from services.call.decide_all import decide_all
from services.call.evolve import fold
from services.call.state import CallState, Ended, Unopened, state_hash

_FAMILY: Final = "dialog"


def payload_hash(payload: bytes) -> str:
    """What the next decision's `prev` holds: SHA-256 of stored bytes, hexadecimal."""
    return hashlib.sha256(payload).hexdigest()


def fact_digest(payload: bytes) -> str:
    """What a decision names a fact's message by: the first 16 digits of `payload_hash`."""
    return payload_hash(payload)[:16]


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
        self.host: Final = host
        self._journal = journal
        self.broken_off: FactCause | None = None  # the last fact that an earlier owner answered
        # Facts that decisions name, by their sequences in rising order: a call has eight a turn,
        # and they are all that stays of it but the words.
        self._seen = array("Q")
        self._unnamed: list[FactSeen] = []  # seen since the last decision
        self._n = 0
        self._sequence = 0  # of the newest decision
        self._prev = ""

    async def claim(self, at_ms: int | None = None) -> None:
        """Fold the decisions so far and own the call from here on, if there is more to decide.

        Raises: WrongVersion when another host claimed it meanwhile; JournalUnavailable.
        """

        def step_over(sequence: int) -> None:
            self._sequence = sequence

        async for recorded in self._journal.read(
            self.tenant, self.call, _FAMILY, left_out=step_over
        ):
            self._apply(recorded)
        if isinstance(self.state, Ended):  # its claim came again: that it was settled got lost
            return
        self.epoch += 1
        now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
        claimed = OwnerClaimed(at_ms=now_ms, role="dialog", host=self.host, epoch=self.epoch)
        await self._record([claimed], None)

    def has_seen(self, sequence: int) -> bool:
        """Whether a decision named this fact's message, or the next one will."""
        at = bisect_left(self._seen, sequence)
        return at < len(self._seen) and self._seen[at] == sequence

    def saw(self, recorded: Recorded) -> bool:
        """Take note of a fact's message before its events are taken; the next decision names it.

        False when it is not new: an earlier decision, perhaps of an earlier owner, had seen it.
        """
        if self.has_seen(recorded.sequence):
            return False
        insort(self._seen, recorded.sequence)
        self._unnamed.append(FactSeen(recorded.sequence, fact_digest(recorded.payload)))
        self.basis = max(self.basis, recorded.sequence)
        return True

    async def take(
        self,
        fact: Fact | InnerFact,
        place: FactCause | None = None,
        more: Sequence[ModelSaid] = (),
        meanwhile: Callable[[CallState], None] | None = None,
    ) -> list[DialogEvent]:
        """Record what `fact` changes about the call; [] when it changes nothing.

        `place`: where the fact stands in the log; None: it is recorded with the decision.
        `more`: what the model said besides. It is decided upon behind the fact and recorded in the
        same message, unless the fact changes nothing.
        `meanwhile`: told the state this leads to while it is being recorded, so not for certain.
        Raises: WrongVersion when another host owns the call; JournalUnavailable.
        """
        if not decide(fact, self.state, self.agent):
            return []
        events = decide_all((fact, *more), self.state, self.agent)
        await self._record(events, _cause(fact, place), more, meanwhile)
        return events

    async def _record(
        self,
        events: list[DialogEvent],
        cause: FactCause | InnerFact | None,
        more: Sequence[ModelSaid] = (),
        meanwhile: Callable[[CallState], None] | None = None,
    ) -> None:
        state, named = fold(events, self.state), tuple(self._unnamed)
        if meanwhile is not None:
            meanwhile(state)
        decision = Decision(
            n=self._n + 1,
            basis=self.basis,
            cause=cause,
            prev=self._prev,
            state=state_hash(state),
            facts=named,
            more=tuple(more),
        )
        message = Message(by=self.host, events=tuple(events), epoch=self.epoch, decision=decision)
        appended = await self._journal.append(
            self.tenant,
            self.call,
            "dialog",
            message,
            id=f"{self.call}:{_FAMILY}:{self.host}:{decision.n}",
            after=self._sequence,
        )
        self.state, self._n = state, decision.n
        del self._unnamed[: len(named)]
        self._sequence, self._prev = appended.sequence, payload_hash(appended.payload)

    def _apply(self, recorded: Recorded) -> None:
        message = recorded.message
        self.state = fold(dialog_events(message), self.state)
        self.epoch = max(self.epoch, message.epoch)
        self._sequence, self._prev = recorded.sequence, payload_hash(recorded.payload)
        if message.decision:
            self._n = message.decision.n
            self.basis = max(self.basis, message.decision.basis)
            for seen in message.decision.facts:
                insort(self._seen, seen.sequence)
            self._remember_cause(message.decision)

    def _remember_cause(self, decision: Decision) -> None:
        """Of a message with several events the owner may have answered only the first ones."""
        match decision.cause:
            case FactCause():
                self.broken_off = decision.cause
            case None:
                pass  # a claim answers nothing
            case _:
                self.broken_off = None


def dialog_events(message: Message) -> list[DialogEvent]:
    """The message's events, where it is one of the dialog family."""
    return [event for event in message.events if isinstance(event, DialogEvent)]


def _cause(fact: Fact | InnerFact, place: FactCause | None) -> FactCause | InnerFact:
    if place is not None:
        return place
    assert isinstance(fact, InnerFact)  # a fact of another role always has its place
    return fact
