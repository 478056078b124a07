"""The recognisers of one call, in the order in which they are tried."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from contracts.agent import Agent, Fallback, Provider
from infra.chain import Breakers, Failed, order
from services.stt.absent import Absent
from services.stt.provider import RecognitionFailed, SpeechToText


class Candidate(NamedTuple):
    """A recogniser of an agent's chain."""

    place: int  # in the agent's order, from 0
    name: str
    provider: SpeechToText
    agent: Agent  # with this recogniser as its only one


class Ears:
    """Knows whom to try next. All have been tried when one round is over; then a new one begins."""

    def __init__(
        self, agent: Agent, providers: Mapping[str, SpeechToText], breakers: Breakers
    ) -> None:
        self.waits: Final = agent.stt
        self._breakers, self._lately = breakers, Failed(breakers.clock_s)
        self._candidates: Final = [
            Candidate(
                place,
                stt.provider,
                providers.get(stt.provider) or Absent(stt.provider),
                replace(agent, stt=_alone(agent, stt)),
            )
            for place, stt in enumerate((agent.stt, *agent.stt.fallbacks))
        ]
        self._tried: set[int] = set()  # since one of them last understood something
        self.present = self._order()[0]

    @property
    def another(self) -> Candidate | None:
        """Whom to try when the present one fails. None: all of them failed since one worked."""
        untried = (each for each in self._order() if each.place not in self._tried)
        return next((each for each in untried if each is not self.present), None)

    def asked(self) -> None:
        """The present one is opened."""
        self._breakers.asked(self.present.name)

    def understood(self) -> None:
        """The present one gave a turn's words."""
        self._tried.clear()
        self._lately.forget(self.present.place)
        self._breakers.answered(self.present.name)

    def failed(self, failure: RecognitionFailed) -> None:
        """The present one failed: another takes its place, where there is one."""
        self._tried.add(self.present.place)
        self._lately.add(self.present.place)
        self._breakers.failed(self.present.name, failure)
        following = self.another
        if following is None:
            self._tried.clear()
        self.present = following or self._order()[0]

    def let_go(self) -> None:
        """The call needs no ear any more."""
        self._breakers.let_go(self.present.name)

    def _order(self) -> list[Candidate]:
        names = [each.name for each in self._candidates]
        return [self._candidates[at] for at in order(names, self._breakers, self._lately)]


def _alone(agent: Agent, stt: Fallback) -> Provider:
    return replace(
        agent.stt,
        provider=stt.provider,
        model=stt.model,
        temperature=stt.temperature,
        options=stt.options,
        fallbacks=(),
    )
