"""Every decision taken anew from what is recorded, and every fact that led to none. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from contracts.agent import Agent
from contracts.line import LineEnded
from contracts.recorded import CallEvent, Fact, FactCause, Recorded
from services.call.actor import dialog_events
from services.call.decide import decide
from services.call.evolve import fold
from services.call.replay import agree, decide_again
from services.call.state import CallState, Unopened, state_hash
from services.call.verify.chain import Chain, Link
from services.call.verify.findings import Finding, about
from services.call.verify.named import Named

SETTLED_MS: Final = 30_000
"""A fact that old has been decided upon, if it ever will be: a takeover takes a tenth of this."""

Place: TypeAlias = tuple[int, int]  # stream sequence, place in the message's events


class Again:
    """The call lived through once more. After a gap in the chain nothing more is decided."""

    def __init__(self, facts: Sequence[Recorded], agent: Agent) -> None:
        self.state: CallState = Unopened()
        self.findings: list[Finding] = []
        self._agent = agent
        self._facts: Mapping[int, Recorded] = {each.sequence: each for each in facts}
        self._events: Mapping[Place, CallEvent] = {
            (each.sequence, index): event for each in facts for index, event in each.events()
        }
        self._rest: list[Place] = []  # events behind the last cause, in its own message
        self._shape = (0, "")  # epoch, and how its owner wrote states down

    def live(self, chain: Chain, named: Named) -> bool:
        """Go through the chain. False when a gap in it ended that early."""
        for link in chain.links:
            if link.n in chain.gaps:
                return False
            before = self._before(link, named)
            if not _knew_of_the_end(link, self._events):
                self._silent(before)
            self._decide(link)
        self._silent(self._rest)
        return True

    def undecided(self, facts: Iterable[Recorded], now_ms: float) -> None:
        """Facts behind the last decision: any that should have led to one is found."""
        for each in facts:
            if now_ms - each.stored_ms >= SETTLED_MS:
                self._silent([(each.sequence, index) for index, _ in each.events()])

    def _before(self, link: Link, named: Named) -> list[Place]:
        """Events taken after the last decision and before this one's cause."""
        cause = link.decision.cause
        places = [*self._rest]
        for seen in link.decision.facts:
            if seen.sequence in named.intact and seen.sequence in self._facts:
                events = self._facts[seen.sequence].message.events
                places += [(seen.sequence, index) for index in range(len(events))]
        if not isinstance(cause, FactCause):
            self._rest = []
            return places
        at = (cause.sequence, cause.index)
        self._rest = [each for each in places if each[0] == at[0] and each > at]
        return [each for each in places if each[0] != at[0] or each < at]

    def _silent(self, places: Iterable[Place]) -> None:
        """These led to no decision: rightly so?"""
        for place in places:
            event = self._events.get(place)
            if isinstance(event, Fact) and decide(event, self.state, self._agent):
                says = "should have led to a decision, and there is none"
                self.findings.append(about("undecided", self._facts[place[0]], says))

    def _decide(self, link: Link) -> None:
        events = dialog_events(link.recorded.message)
        again = decide_again(link.decision, self._events, self.state, self._agent, events)
        state, recorded = fold(events, self.state), link.decision.state
        if again != events:
            self._not_so(link, "does not follow from its cause and the decisions before it")
            if again is not None and recorded == state_hash(fold(again, self.state)):
                state = fold(
                    again, self.state
                )  # its events were altered: it tells what they led to
        elif not (agree(recorded, state_hash(state)) and self._is_in_shape(link)):
            self._not_so(link, "names another state than its events lead to")
        self.state = state

    def _is_in_shape(self, link: Link) -> bool:
        """Only states of one shape can be compared, and no owner changes its own."""
        epoch, shape = link.recorded.message.epoch, link.decision.state.partition("-")[0]
        before, self._shape = self._shape, (epoch, shape)
        return before[0] != epoch or before[1] == shape

    def _not_so(self, link: Link, says: str) -> None:
        self.findings.append(about("unfounded", link.recorded, f"decision {link.n} {says}"))


def _knew_of_the_end(link: Link, events: Mapping[Place, CallEvent]) -> bool:
    """The decision on the line's end names what was missed on the way, undecided: see on_fact."""
    cause = link.decision.cause
    if not isinstance(cause, FactCause):
        return False
    return isinstance(events.get((cause.sequence, cause.index)), LineEnded)
