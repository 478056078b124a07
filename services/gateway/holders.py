"""The gateways that hold watched lines: each is asked once a second whether it still does."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from contracts.ids import CallId, HostId
from infra.cancelling import stop_if_cancelled
from infra.nats import Bus
from services.gateway.asking import ask

Gone = Callable[[], None]
Word = Callable[[CallId], str]
_EVERY_S: Final = 1.0


class Holders:
    """Asks by process, not by call. Run `run` beside what watches."""

    def __init__(self, bus: Bus, gone_s: float, own: Mapping[str, Word] | None = None) -> None:
        """`gone_s`: a gateway silent for so long counts as dead; it may only be reconnecting.

        `own`: by host, what this process says itself. Under load a question to oneself over the bus
        can stay out for seconds, and it would take its own lines for lost.
        """
        self._bus, self._gone_s, self._own = bus, gone_s, own or {}
        self._every_s = min(_EVERY_S, gone_s / 3)
        self._watched: dict[str, dict[CallId, Gone]] = {}
        self._answered_s: dict[str, float] = {}

    def watch(self, host: str, call: CallId, gone: Gone) -> None:
        """Call `gone` when the host no longer has the call, until `forget`."""
        self._answered_s.setdefault(host, time.monotonic())
        self._watched.setdefault(host, {})[call] = gone

    def forget(self, host: str, call: CallId) -> None:
        """Ask for this call no longer."""
        calls = self._watched.get(host, {})
        calls.pop(call, None)
        if not calls:
            self._watched.pop(host, None)
            self._answered_s.pop(host, None)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            stop_if_cancelled()
            await asyncio.sleep(self._every_s)
            await asyncio.gather(*(self._look(host) for host in list(self._watched)))

    async def _look(self, host: str) -> None:
        calls = list(self._watched.get(host, {}))
        words = await self._words(host, calls)
        now_s = time.monotonic()
        if words is not None or not self._bus.connected:  # who is cut off itself knows nothing
            self._answered_s[host] = now_s
        silent = now_s - self._answered_s.get(host, now_s) >= self._gone_s
        for call, word in zip(calls, words or ["none" if silent else ""] * len(calls), strict=True):
            gone = self._watched.get(host, {}).get(call)
            if gone and word == "none":
                gone()

    async def _words(self, host: str, calls: list[CallId]) -> Sequence[str] | None:
        if word := self._own.get(host):
            return [word(call) for call in calls]
        return await ask(self._bus, HostId(host), calls, self._every_s)
