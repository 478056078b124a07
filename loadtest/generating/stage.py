"""Where one call is held: its clock, its log, its actor, and who listens to what that decides."""

from collections.abc import Callable
from random import Random
from typing import Final

from contracts.dialog import InnerFact
from contracts.ids import HostId, TenantId
from contracts.recorded import CallEvent, DialogEvent, Fact, FactCause, Message, Recorded
from contracts.streams import Family
from loadtest.generating.agenda import Agenda
from loadtest.generating.houses import House
from loadtest.generating.memory import CALL, MemoryLog, at_once
from loadtest.generating.plan import Plan
from services.call.actor import Actor
from services.call.state import CallState, Ended, Talk, Unopened

OnDecided = Callable[[DialogEvent], None]


class Stage:
    """What all who take part in one call share.

    Who hears of a decision, and those told of `on_change`, put things on the agenda and do nothing
    at once: so a decision's events are all told before anything else happens.
    """

    def __init__(
        self, house: House, plan: Plan, tenant: TenantId, random: Random, rang_ms: int
    ) -> None:
        self.house: Final = house
        self.plan: Final = plan
        self.random: Final = random
        self.agenda: Final = Agenda(rang_ms)
        self.log: Final = MemoryLog(tenant, lambda: self.agenda.now_ms)
        self.on_decided: Final[list[OnDecided]] = []
        self.on_change: Final[list[Callable[[], None]]] = []
        self.stint = 0  # how often audio began to flow
        self.up = False  # audio flows
        self.over = False  # the line has ended
        self.answered_ms = 0  # UNIX time
        self._tenant = tenant
        self._actor: Actor | None = None  # None: nobody owns the call just now
        self._numbers: dict[str, int] = {}

    @property
    def now_ms(self) -> int:
        """UNIX time in milliseconds, by the call's own clock."""
        return self.agenda.now_ms

    @property
    def state(self) -> CallState:
        """As its owner has it; of a call that nobody owns, nothing is known."""
        return self._actor.state if self._actor else Unopened()

    @property
    def talk(self) -> Talk | None:
        """What outlives every situation; None before the call was opened."""
        state = self.state
        return None if isinstance(state, Unopened) else state.talk

    @property
    def owned(self) -> bool:
        """Whether somebody decides just now."""
        return self._actor is not None

    @property
    def decided_to_end(self) -> bool:
        """Whether the actor let the call go."""
        return isinstance(self.state, Ended)

    def host(self, role: str) -> HostId:
        """A process that might host calls in this role."""
        return HostId(f"{role}-{self.random.randint(100, 32_000)}-{self.random.randbytes(4).hex()}")

    def chance(self, share: float) -> bool:
        """Whether it happens, which does with this probability."""
        return self.random.random() < share

    def claim(self, host: HostId) -> None:
        """Own the call, and decide upon what was stored before."""
        self._actor = Actor(self.log, self._tenant, CALL, self.house.agent, host)
        at_once(self._actor.claim(self.now_ms))
        for recorded in list(self.log.history):
            if recorded.family in ("line", "transcript", "passages", "synthesis"):
                self._take(recorded)
        self._changed()

    def disown(self) -> None:
        """The actor's process dies."""
        self._actor = None

    def fact(self, family: Family, by: HostId, *events: CallEvent, epoch: int = 0) -> None:
        """Somebody stores this, and the actor decides upon it."""
        number = self._numbers[family] = self._numbers.get(family, 0) + 1
        id = f"{family}:{epoch}:{type(events[0]).__name__}:{number}"
        message = Message(by=by, events=events, epoch=epoch)
        recorded = self.log.store(family, message, id)
        if self._actor and family != "outcome":
            self._take(recorded)
            self._changed()

    def report(self, fact: InnerFact) -> None:
        """The actor's own process reports this."""
        if self._actor:
            self._tell(at_once(self._actor.take(fact)))
            self._changed()

    def _take(self, recorded: Recorded) -> None:
        assert self._actor
        if not self._actor.saw(recorded):
            return
        for index, event in recorded.events():
            if isinstance(event, Fact):
                place = FactCause(sequence=recorded.sequence, index=index)
                self._tell(at_once(self._actor.take(event, place)))

    def _tell(self, decided: list[DialogEvent]) -> None:
        for event in decided:
            for listen in self.on_decided:
                listen(event)

    def _changed(self) -> None:
        for look in self.on_change:
            look()
