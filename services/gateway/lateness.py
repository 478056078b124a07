"""How late this gateway is, and all that its calls need: what the rule in `busy` is told.

What is measured is what calls wait for: this process's loop, on which the caller's frames go out
too; the log's acknowledgements; and the loops of the other roles' hosts, of each role the best one.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from infra.beside import beside
from infra.lag import Lag, watch_loop
from infra.load import Late, Loads
from infra.nats import Bus
from infra.telemetry.load import tell_refused
from services.gateway.busy import OPEN, Busy, Room, judge

_log: Final = logging.getLogger("partyline.gateway")
_LOOK_S: Final = 0.2


class Lateness:
    """Measures while it is `watching`. `busy`: no further call is to be taken."""

    def __init__(self, bus: Bus, limit_ms: int) -> None:
        """`limit_ms`: how late anything may be, by its 95th percentile; 0: as late as it likes."""
        self.refused = 0  # rings
        self._bus, self._limit_ms = bus, limit_ms
        self._loop, self._loads = Lag(), Loads()
        self._room: Room = OPEN

    @property
    def busy(self) -> bool:
        """Whether rings are refused."""
        return isinstance(self._room, Busy)

    @property
    def worst(self) -> Late:
        """Who is latest just now, and by how much."""
        now_s = time.monotonic()
        own = Late("this gateway", self._loop.ms(now_s)), Late("the log", self._bus.acks.ms(now_s))
        return max(*own, self._loads.worst(now_s), key=lambda late: late.ms)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Measure during the block."""
        async with self._loads.hear(self._bus), beside(watch_loop(self._loop)), beside(self._run()):
            yield

    def refuse(self) -> None:
        """A ring is refused: counted, and said without saying whose."""
        self.refused += 1
        tell_refused()
        _log.warning("ring refused: %s is %d ms late", *self.worst)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self._look(self.worst, time.monotonic())

    def _look(self, worst: Late, now_s: float) -> None:
        before, self._room = self.busy, judge(self._room, worst.ms, now_s, self._limit_ms)
        if self.busy and not before:
            _log.warning("busy: %s is %d ms late; no further call is taken", *worst)
        elif before and not self.busy:
            _log.warning("calls are taken again; %d were refused so far", self.refused)
