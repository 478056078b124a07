"""Several things decided upon one behind the other. Pure."""

from collections.abc import Iterable

from contracts.agent import Agent
from contracts.dialog import InnerFact
from contracts.recorded import DialogEvent, Fact
from services.call.decide import decide
from services.call.evolve import fold
from services.call.state import CallState


def decide_all(
    facts: Iterable[Fact | InnerFact], state: CallState, agent: Agent
) -> list[DialogEvent]:
    """What they change about the call, each as the ones before have left it."""
    events: list[DialogEvent] = []
    for fact in facts:
        decided = decide(fact, state, agent)
        state = fold(decided, state)
        events += decided
    return events
