"""Providers of one port in the order in which a call asks them."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from infra import breaker
from infra.breaker import Breaker, Closed
from infra.outside import OutsideFailed

STAY_S: Final = 60.0  # a call keeps away from what failed it for so long
Clock = Callable[[], float]


class Breakers:
    """The breakers of one port's providers, by name; one for all calls of a process."""

    def __init__(self, clock_s: Clock = time.monotonic) -> None:
        self.clock_s: Final = clock_s
        self._breakers: dict[str, Breaker] = {}

    def state(self, name: str) -> Breaker:
        """The provider's breaker as it is now."""
        return self._breakers.get(name, Closed())

    def admits(self, name: str) -> bool:
        """Whether the provider is to be asked before those that rest."""
        return breaker.admits(self.state(name), self.clock_s())

    def asked(self, name: str) -> None:
        """A call asks it now; `answered`, `failed` or `let_go` is to follow."""
        self._breakers[name] = breaker.asked(self.state(name), self.clock_s())

    def answered(self, name: str) -> None:
        """It did what it was asked to do."""
        self._breakers[name] = breaker.answered(self.state(name))

    def failed(self, name: str, failure: OutsideFailed) -> None:
        """It failed."""
        self._breakers[name] = breaker.failed(
            self.state(name), failure.kind, self.clock_s(), failure.retry_after_s
        )

    def let_go(self, name: str) -> None:
        """The call no longer wants an answer."""
        self._breakers[name] = breaker.let_go(self.state(name), self.clock_s())


class Failed:
    """What failed one call of late, by its place in the agent's list."""

    def __init__(self, clock_s: Clock = time.monotonic) -> None:
        self._clock_s = clock_s
        self._at_s: dict[int, float] = {}

    def add(self, place: int) -> None:
        self._at_s[place] = self._clock_s()

    def forget(self, place: int) -> None:
        """It works again."""
        self._at_s.pop(place, None)

    def __contains__(self, place: object) -> bool:
        at_s = self._at_s.get(place) if isinstance(place, int) else None
        return at_s is not None and self._clock_s() - at_s < STAY_S


def order(names: Sequence[str], breakers: Breakers, lately: Failed) -> list[int]:
    """Places in `names`, in the order of asking: what is well first, each in the agent's order.

    Nobody is left out: when all that is well has failed, one that rests is better than nothing.
    """

    def rests(place: int) -> bool:
        return place in lately or not breakers.admits(names[place])

    return sorted(range(len(names)), key=rests)
