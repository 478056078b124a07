"""How late something is that should come at once: one figure for the last few seconds."""

import asyncio
import math
import time
from collections import deque
from typing import Final

WINDOW_S: Final = 5.0
TICK_S: Final = 0.05
_SHARE: Final = 0.05
_LONG_MS: Final = 1_000
_ACCIDENTS: Final = 4  # an import, a collection, a process that was stopped: no load


class Lag:
    """Times of being late, in milliseconds. The seconds given must rise."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()

    def note(self, late_ms: float, at_s: float) -> None:
        """One more of them."""
        self._late.append((at_s, late_ms))
        self._forget(at_s)

    def ms(self, now_s: float) -> float:
        """The 95th percentile of the last 5 s, but no more than the fifth longest; 0: too few."""
        self._forget(now_s)
        rank = max(_ACCIDENTS + 1, math.ceil(len(self._late) * _SHARE))
        if len(self._late) < rank:
            return 0.0
        return sorted((ms for _, ms in self._late), reverse=True)[rank - 1]

    def _forget(self, now_s: float) -> None:
        while self._late and self._late[0][0] < now_s - WINDOW_S:
            self._late.popleft()


class Acks(Lag):
    """Of the log's acknowledgements.

    When a log was away for seconds, all that was waiting for it is acknowledged at once: an
    accident, however many lines there are. So of those over a second one a second counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._long_from_s = 0.0  # when the next long one counts

    def note(self, late_ms: float, at_s: float) -> None:
        """See Lag.note."""
        if late_ms > _LONG_MS:
            if at_s < self._long_from_s:
                return
            self._long_from_s = at_s + _LONG_MS / 1000
        super().note(late_ms, at_s)


async def watch_loop(lag: Lag) -> None:
    """Note for ever how late this process's loop comes to what is due."""
    while True:
        due_s = time.monotonic() + TICK_S
        await asyncio.sleep(TICK_S)
        now_s = time.monotonic()
        lag.note(max(0.0, now_s - due_s) * 1000, now_s)
