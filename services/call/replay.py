"""A recorded call gone through again: its state at any point, and whether it adds up. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeGuard

import msgspec

from contracts.agent import Agent
from contracts.dialog import InnerFact
from contracts.event import OwnerClaimed
from contracts.outcome import CallErased
from contracts.recorded import Decision, DialogEvent, Fact, FactCause, Recorded
from services.call.actor import dialog_events, payload_hash
from services.call.decide_all import decide_all
from services.call.evolve import fold
from services.call.state import CallState, Unopened, same_shape, state_hash


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that does not follow from what is recorded."""

    sequence: int
    wrong: str  # n, prev, state or decision


def state_at(history: Iterable[Recorded], sequence: int | None = None) -> CallState:
    """The actor's state after the message `sequence`; None: after all."""
    state: CallState = Unopened()
    for recorded in history:
        if sequence is not None and recorded.sequence > sequence:
            break
        if recorded.family == "dialog":
            state = fold(dialog_events(recorded.message), state)
    return state


def check(history: Sequence[Recorded], agent: Agent) -> list[Mismatch]:
    """Decide the whole call again from its recorded facts; [] when all is as recorded.

    Of an erased call only numbers and chain can be checked.
    """
    erased = was_erased(history)
    facts = {(r.sequence, i): event for r in history for i, event in r.events()}
    wrong: list[Mismatch] = []
    state: CallState = Unopened()
    n, prev = 0, ""
    for recorded in history:
        decision = recorded.message.decision
        if recorded.family != "dialog" or decision is None:
            continue
        events = dialog_events(recorded.message)
        found = {"n": decision.n == n + 1, "prev": decision.prev == prev}
        if not erased:
            again = decide_again(decision, facts, state, agent, events)
            state = fold(events, state)
            found["decision"] = again == events
            found["state"] = agree(decision.state, state_hash(state))
        wrong += [
            Mismatch(sequence=recorded.sequence, wrong=w) for w, ok in found.items() if not ok
        ]
        n, prev = decision.n, payload_hash(recorded.payload)
    return wrong


def was_erased(history: Iterable[Recorded]) -> bool:
    """Whether the words of the call are gone: its key was deleted."""
    return any(
        recorded.message.sealed == "erased" or isinstance(event, CallErased)
        for recorded in history
        for _, event in recorded.events()
    )


def agree(recorded: str, now: str) -> bool:
    """Whether two state hashes tell of the same state, as far as they can be compared."""
    return recorded == now or not same_shape(recorded, now)


def decide_again(
    decision: Decision,
    facts: Mapping[tuple[int, int], object],
    state: CallState,
    agent: Agent,
    recorded: list[DialogEvent],
) -> list[DialogEvent] | None:
    """The decision taken anew; a claim has no cause and stands for itself."""
    cause = decision.cause
    if cause is None:
        return recorded if all(isinstance(e, OwnerClaimed) for e in recorded) else None
    fact = facts.get((cause.sequence, cause.index)) if isinstance(cause, FactCause) else cause
    return decide_all((fact, *decision.more), state, agent) if _is_fact(fact) else None


def _is_fact(fact: object) -> TypeGuard[Fact | InnerFact]:
    return isinstance(fact, Fact | InnerFact)
