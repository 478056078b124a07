"""A line's way into the log: in order, and without anybody waiting for it.

Appends go one after the other in a task of the line, each directly behind the family's newest
message, so that of two gateways only one can have a stint of the line. While the log does not
answer they are tried again under the same id, so nothing is lost, doubled or overtaken; the line
is told when that takes long enough for the caller to notice.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import msgspec

from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Journal, JournalUnavailable, WrongVersion
from contracts.line import LineEnded, LineResumed
from contracts.recorded import LineEvent, Message
from services.gateway.standing import Standing, fold, read

_log: Final = logging.getLogger("partyline.gateway")
_PAUSE_S: Final = 0.2  # between two tries; each waits for the server itself
_AFTER_CALL_S: Final = 60.0  # how long the rest is still tried once the caller is gone


class Superseded(Exception):
    """Another gateway has the line, or it is over: nothing more of this one enters the log."""


class Patience(msgspec.Struct, frozen=True):
    """How long a silent log is borne."""

    away_ms: int  # then the caller is told to wait
    given_up_ms: int  # then the call ends


class Told(NamedTuple):
    """What the line is told. `taken_for_dead` gets the next stint and returns how it is taken up
    again; None: the line is over."""

    away: Callable[[], None]
    given_up: Callable[[], None]
    superseded: Callable[[], None]
    taken_for_dead: Callable[[int], LineResumed | None]


class _Entry(NamedTuple):
    id: str
    events: tuple[LineEvent, ...]
    then: Callable[[], None]


class Journaling:
    """One line's events on their way into the log. `start` it, `begin` a stint, `finish` it."""

    def __init__(
        self,
        journal: Journal,
        tenant: TenantId,
        call: CallId,
        host: HostId,
        standing: Standing,
        patience: Patience,
        told: Told,
    ) -> None:
        """`standing`: of the line before the stint that will begin."""
        self._journal, self._tenant, self._call, self._host = journal, tenant, call, host
        self._standing, self.stint = standing, standing.stint + 1
        self._patience, self._told = patience, told
        self._waiting: deque[_Entry] = deque()
        self._wanted = asyncio.Event()
        self._unsure = self._ending = self._superseded = False
        self._writing: asyncio.Task[None] | None = None
        self.away = False  # the log has not taken what is being appended for too long

    def write(self, id: str, *events: LineEvent, then: Callable[[], None] = lambda: None) -> None:
        """Record these together. `id`: what caused them, unique within the line's stint; `then` is
        called when they are recorded, or never will be."""
        if self._superseded:
            then()
        else:
            self._waiting.append(_Entry(id, events, then))
            self._wanted.set()

    def look(self) -> None:
        """Somebody else wrote to the line: make sure that it is still ours."""
        self._unsure = True
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

    async def begin(self, opening: Callable[[Standing], tuple[LineEvent, ...]]) -> None:
        """Have the line from here on, however long the log stays away.

        `opening` makes the first message of the line as it stands. Raises Superseded when another
        gateway was quicker, or the call has ended.
        """
        with self._timed():
            while not await self._stored("begun", opening(self._standing)):
                if self._standing.stint != self.stint - 1 or self._standing.ended:
                    raise Superseded("another gateway has the line, or the call is over")

    async def _write_all(self) -> None:
        try:
            await self._write_on()
        except Superseded:
            self._superseded = True
            for entry in self._waiting:
                entry.then()
            self._waiting.clear()
            self._told.superseded()
        except Exception as fault:
            _log.error("call %s: its log is given up: %s", self._call, type(fault).__name__)
            self._told.given_up()

    async def _write_on(self) -> None:
        while self._waiting or not self._ending:
            if self._unsure:
                self._unsure = False
                await self._catch_up(None)
                await self._keep(())
            elif not self._waiting:
                self._wanted.clear()
                await self._wanted.wait()
            else:
                first = self._waiting[0]
                await self._append(first.id, first.events)
                self._waiting.popleft()
                first.then()

    async def _append(self, id: str, events: tuple[LineEvent, ...]) -> None:
        """Store these, however long the log stays away. Raises Superseded."""
        with self._timed():
            while not await self._stored(id, events):
                await self._keep(events)

    async def _stored(self, id: str, events: tuple[LineEvent, ...]) -> bool:
        """Try once. False: not yet, and `_standing` may have moved on."""
        message = Message(by=self._host, events=events, epoch=self.stint)
        id, after = f"{self._call}:line:{self.stint}:{id}", self._standing.sequence
        try:
            stored = await self._journal.append(
                self._tenant, self._call, "line", message, id=id, after=after
            )
        except WrongVersion:
            return await self._catch_up(message)
        except JournalUnavailable:
            await asyncio.sleep(_PAUSE_S)
            return False
        self._standing = fold(self._standing, message, stored.sequence)
        return True

    async def _catch_up(self, tried: Message | None) -> bool:
        """Read what others wrote. True: what was `tried` is there, only its word was lost."""
        known, seen = self._standing, list[Message]()
        try:
            self._standing = await read(self._journal, self._tenant, self._call, known, seen.append)
        except JournalUnavailable:
            await asyncio.sleep(_PAUSE_S)
        if tried is not None and self._standing.sequence == known.sequence:
            await asyncio.sleep(_PAUSE_S)  # the replica that was read is behind
        return tried in seen

    async def _keep(self, events: tuple[LineEvent, ...]) -> None:
        """The line is ours as it was, or is taken up again. Raises Superseded.

        A line that was taken for dead and is over may still say how it ended.
        """
        while True:
            standing = self._standing
            if standing.ended or (standing.stint, standing.holder) != (self.stint, self._host):
                raise Superseded("another gateway has the line, or the call is over")
            if standing.lost is None:
                return
            again = self._told.taken_for_dead(self.stint + 1)
            if again is None:
                if any(isinstance(event, LineEnded) for event in events):
                    return
                raise Superseded("the line was given up")
            await self._take_up(again)

    async def _take_up(self, again: LineResumed) -> None:
        self.stint += 1
        if not await self._stored("begun", (again,)) and self._standing.stint < self.stint:
            self.stint -= 1

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """The line is told when the block takes long."""
        loop = asyncio.get_running_loop()
        away = loop.call_later(self._patience.away_ms / 1000, self._fall_away)
        given_up = loop.call_later(self._patience.given_up_ms / 1000, self._told.given_up)
        try:
            yield
        finally:
            away.cancel()
            given_up.cancel()
            self.away = False

    def _fall_away(self) -> None:
        self.away = True
        self._told.away()
