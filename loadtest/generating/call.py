"""One call, from ring to judgement, made of what a seed draws."""

from functools import partial
from random import Random

from contracts.event import AgentRef
from contracts.ids import TenantId
from loadtest.generating.caller import Caller
from loadtest.generating.duties import Duties
from loadtest.generating.history import History
from loadtest.generating.houses import House
from loadtest.generating.line import Line
from loadtest.generating.plan import Owner, drawn
from loadtest.generating.stage import Stage
from loadtest.generating.workers import Judge, Knowledge, Voice


def hold(
    number: int, house: House, agent: AgentRef, tenant: TenantId, random: Random, rang_ms: int
) -> History:
    """Let the call happen. All that is undecided is drawn from `random`.

    Args: number: of the call among those of its seed; agent: the revision that holds it;
          rang_ms: UNIX time of the ring.
    """
    held = _Held(Stage(house, drawn(house, random), tenant, random, rang_ms))
    held.happen(agent)
    return History(number, house.agent.name, tenant, rang_ms, tuple(held.stage.log.told))


class _Held:
    """Those who take part."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._line = Line(stage)
        self._duties = Duties(stage)
        self._caller = Caller(stage, self._line.mouth, self._line)
        self._workers = (Voice(stage, self._line.mouth), Knowledge(stage), Judge(stage))

    def happen(self, agent: AgentRef) -> None:
        stage, random = self.stage, self.stage.random
        self._line.ring(agent)
        stage.agenda.after(random.randint(3, 25), self._caller.own_ears)
        stage.agenda.after(random.randint(3, 25), self._claim)
        self._line.wait(lambda: self._caller.speaking)
        for at_ms, role in stage.plan.takeovers:
            stage.agenda.after(at_ms, partial(self._take_over, role))
        stage.agenda.run()

    def _take_over(self, role: Owner) -> None:
        """The owner's process dies, and another notices."""
        stage = self.stage
        if stage.over or not stage.owned:
            return
        if role == "stt":
            self._caller.own_ears()
            return
        self._duties.die()
        stage.disown()
        stage.agenda.after(stage.random.randint(1_500, 2_600), self._claim)

    def _claim(self) -> None:
        self.stage.claim(self.stage.host("dialog"))
