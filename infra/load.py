"""Each process that works on calls says how late it is; a gateway hears it before it takes more.

subject  load.<role>.<host>    stored nowhere    payload  milliseconds, as digits
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import nats.errors
from nats.aio.msg import Msg

from contracts.ids import HostId
from contracts.streams import LOAD, load_subject
from infra.beside import beside
from infra.lag import Lag, watch_loop
from infra.nats import Bus

_EVERY_S: Final = 1.0
_SILENT_S: Final = 3.0  # a host that says nothing for so long takes no calls anyway
_DIGITS: Final = 6


class Late(NamedTuple):
    """Who is late, and by how much."""

    who: str
    ms: float


@asynccontextmanager
async def telling_load(bus: Bus, roles: Sequence[str], host: HostId) -> AsyncIterator[None]:
    """Measure this process's loop during the block, and say each second how late it is."""
    lag = Lag()
    async with beside(watch_loop(lag)), beside(_tell(bus, lag, roles, host)):
        yield


async def _tell(bus: Bus, lag: Lag, roles: Sequence[str], host: HostId) -> None:
    while True:
        late = b"%d" % min(lag.ms(time.monotonic()), 10**_DIGITS - 1)
        with contextlib.suppress(nats.errors.Error, OSError):  # nobody hears it now
            for role in roles:
                await bus.nc.publish(load_subject(role, host), late)
        await asyncio.sleep(_EVERY_S)


class Loads:
    """What the hosts of all roles said last. `hear` it."""

    def __init__(self) -> None:
        self._hosts: dict[str, dict[str, tuple[float, float]]] = {}  # by role: (heard at, ms)

    @asynccontextmanager
    async def hear(self, bus: Bus) -> AsyncIterator[None]:
        """Listen during the block."""
        subscription = await bus.nc.subscribe(LOAD, cb=self._on_told)
        try:
            yield
        finally:
            if not bus.nc.is_closed:
                await subscription.unsubscribe()

    async def _on_told(self, message: Msg) -> None:
        _, role, host = message.subject.split(".")
        if message.data.isdigit() and len(message.data) <= _DIGITS:
            self.told(role, host, int(message.data), time.monotonic())

    def told(self, role: str, host: str, late_ms: float, at_s: float) -> None:
        """A host said so."""
        self._hosts.setdefault(role, {})[host] = at_s, late_ms

    def worst(self, now_s: float) -> Late:
        """The role whose best host is latest: calls go to who has room, so the best one counts."""
        best = [
            Late(role, min(late_ms for _, late_ms in hosts.values()))
            for role, hosts in self._heard(now_s)
        ]
        return max(best, key=lambda late: late.ms, default=Late("", 0.0))

    def _heard(self, now_s: float) -> list[tuple[str, dict[str, tuple[float, float]]]]:
        for hosts in self._hosts.values():
            for host in [h for h, (at_s, _) in hosts.items() if at_s < now_s - _SILENT_S]:
                del hosts[host]
        return [(role, hosts) for role, hosts in self._hosts.items() if hosts]
