"""What is going to happen in a call, by the call's own clock."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Final

_MOST: Final = 20_000  # more things do not happen in one call: it would never end


class Agenda:
    """Things happen in the order of their times; equal times in the order they were put down."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms  # UNIX time in milliseconds
        self._things: list[tuple[int, int, Hashable, int, Callable[[], None]]] = []
        self._put_down = 0
        self._called_off: dict[Hashable, int] = defaultdict(int)
        self._waiting: dict[Hashable, int] = defaultdict(int)

    def after(self, wait_ms: float, do: Callable[[], None], key: Hashable = None) -> None:
        """`do` happens in so many milliseconds, unless `key` is called off before."""
        self._put_down += 1
        at_ms = self.now_ms + max(round(wait_ms), 0)
        thing = (at_ms, self._put_down, key, self._called_off[key], do)
        heapq.heappush(self._things, thing)
        self._waiting[key] += 1

    def call_off(self, key: Hashable) -> None:
        """Nothing that waits under `key` happens any more."""
        self._called_off[key] += 1
        self._waiting[key] = 0

    def awaits(self, key: Hashable) -> bool:
        """Whether something under `key` is still to happen."""
        return self._waiting[key] > 0

    def run(self) -> None:
        """Let everything happen that is put down, and what is put down meanwhile."""
        for _ in range(_MOST):
            if not self._things:
                return
            at_ms, _, key, round_, do = heapq.heappop(self._things)
            if round_ != self._called_off[key]:
                continue
            self._waiting[key] -= 1
            self.now_ms = at_ms
            do()
        raise RuntimeError("a made-up call does not end")
