"""A line's way into the log: in order, and without anybody waiting for it.

Appends go one after the other in a task of the line. While the log does not answer they are tried
again under the same id, so nothing is lost, doubled or overtaken; the line is told when that takes
long enough for the caller to notice.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Appended, Journal, JournalUnavailable
from contracts.recorded import LineEvent, Message

_log: Final = logging.getLogger("partyline.gateway")
_PAUSE_S: Final = 0.2  # between two tries; each waits for the server itself
_AFTER_CALL_S: Final = 60.0  # how long the rest is still tried once the caller is gone


class Patience(msgspec.Struct, frozen=True):
    """How long a silent log is borne."""

    away_ms: int  # then the caller hears a phrase
    given_up_ms: int  # then the call ends


class Journaling:
    """One line's events on their way into the log. `start` it, `finish` it."""

    def __init__(
        self,
        journal: Journal,
        tenant: TenantId,
        call: CallId,
        host: HostId,
        patience: Patience,
        on_away: Callable[[], None],
        on_given_up: Callable[[], None],
    ) -> None:
        self._journal, self._tenant, self._call, self._host = journal, tenant, call, host
        self._patience, self._on_away, self._on_given_up = patience, on_away, on_given_up
        self._waiting: deque[tuple[str, tuple[LineEvent, ...]]] = deque()
        self._wanted = asyncio.Event()
        self._ending = False
        self._writing: asyncio.Task[None] | None = None

    def write(self, id: str, *events: LineEvent) -> None:
        """Record these together. `id`: what caused them, unique within the call's line."""
        self._waiting.append((id, events))
        self._wanted.set()

    def start(self) -> None:
        """Begin to write."""
        self._writing = asyncio.create_task(self._write_all())

    async def finish(self) -> None:
        """Write what is left. Returns when that is done, or has failed for too long."""
        self._ending = True
        self._wanted.set()
        if self._writing:
            try:
                async with asyncio.timeout(_AFTER_CALL_S):
                    await self._writing
            except TimeoutError:
                _log.error("call %s: the log stayed away", self._call)
        if self._waiting:
            _log.error("call %s: %d messages are not in the log", self._call, len(self._waiting))

    async def append(self, id: str, *events: LineEvent) -> Appended:
        """Record these and wait for it, however long the log stays away."""
        message = Message(by=self._host, events=events)
        timers = self._timers()
        try:
            while True:
                try:
                    return await self._journal.append(
                        self._tenant, self._call, "line", message, id=f"{self._call}:line:{id}"
                    )
                except JournalUnavailable:
                    await asyncio.sleep(_PAUSE_S)
        finally:
            for timer in timers:
                timer.cancel()

    async def _write_all(self) -> None:
        try:
            await self._write_on()
        except Exception as fault:
            _log.error("call %s: its log is given up: %s", self._call, type(fault).__name__)
            self._on_given_up()

    async def _write_on(self) -> None:
        while self._waiting or not self._ending:
            if not self._waiting:
                self._wanted.clear()
                await self._wanted.wait()
                continue
            id, events = self._waiting[0]
            await self.append(id, *events)
            self._waiting.popleft()

    def _timers(self) -> tuple[asyncio.TimerHandle, ...]:
        loop = asyncio.get_running_loop()
        return (
            loop.call_later(self._patience.away_ms / 1000, self._on_away),
            loop.call_later(self._patience.given_up_ms / 1000, self._on_given_up),
        )
