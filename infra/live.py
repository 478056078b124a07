"""One call's messages as they are stored: what was, then what comes, without a gap."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import compress
from typing import Final, TypeAlias

import nats.errors

from contracts.codec import Unreadable
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.recorded import Recorded
from contracts.seal import KeyWanted, Locked
from contracts.streams import DRAFT, Family, live_subject
from infra.arriving import Arrived, Listener
from infra.cancelling import end_tasks, stop_if_cancelled
from infra.journal import NatsJournal
from infra.nats import Bus

_log: Final = logging.getLogger("partyline.live")
_AGAIN_S: Final = 0.2


Given: TypeAlias = Recorded | Locked | None
"""A message; that one is sealed and nothing here opens it; that it was closed."""


class Following:
    """Iterate to get the call's messages in stored order, none twice. Close when done.

    A republished message names the one before it on its subject; where that one was missed, or
    the connection was away, the missing part is read from the stream. What comes meanwhile waits
    behind it; else a message is opened and given out in the turn in which it came.
    """

    def __init__(
        self,
        bus: Bus,
        journal: NatsJournal,
        tenant: TenantId,
        call: CallId,
        families: tuple[Family, ...] | None,
        after: int,
        on_draft: Callable[[bytes], None] | None = None,
        into: "Callable[[Given], None] | None" = None,
    ) -> None:
        self._bus, self._journal = bus, journal
        self._tenant, self._call = tenant, call
        self._families = families
        self._floor, self._on_draft = after, on_draft
        self._seen: dict[str, int] = {}  # newest sequence given out or left out, by family
        self._queue: asyncio.Queue[Given] = asyncio.Queue()
        self._put = into or self._queue.put_nowait
        self._reading = asyncio.Lock()  # one reader of missing parts at a time
        self._waiting: deque[Arrived] = deque()  # came while something was being read
        self._taking: asyncio.Task[None] | None = None  # takes what waits
        self._listener: Listener | None = None
        self._forget = bus.on_reconnect(self.catch_up)

    async def start(self) -> None:
        """Subscribe first, then read what was stored before: nothing falls between.

        One subscription for all families: it alone keeps the order they were stored in.
        """
        async with self._reading:
            subject = live_subject(self._tenant, self._call)
            self._listener = self._bus.arrivals.listener(subject, self._on_live)
            await self._listener.ready()
            await self._until_known()
            await self._read_missing()

    async def _until_known(self) -> None:
        """Wait until the server knows of the subscription: as long as the server is away."""
        while True:
            try:
                return await self._bus.nc.flush()
            except nats.errors.FlushTimeoutError:
                stop_if_cancelled()
                _log.warning("call %s: NATS is away; following when it is back", self._call)

    async def __aiter__(self) -> AsyncIterator[Recorded]:
        """Raises Locked where the call is sealed and nothing here opens it."""
        while (recorded := await self._queue.get()) is not None:
            if isinstance(recorded, Locked):
                raise recorded
            yield recorded

    async def close(self) -> None:
        """End the iteration. Safe to call twice."""
        self._forget()
        self._forget = _nothing
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        await listener.leave()
        if self._taking is not None:
            await end_tasks([self._taking])
        self._put(None)

    def _on_live(self, arrived: Arrived) -> None:
        if arrived.family == DRAFT and self._on_draft:
            self._on_draft(arrived.payload)
        if not self._follows(arrived.family) or not arrived.sequence:
            return  # somebody else's, or a draft, which is live only
        if self._waiting or self._reading.locked() or not self._took(arrived):
            self._waiting.append(arrived)
            if self._taking is None or self._taking.done():
                self._taking = asyncio.create_task(self._take_waiting())

    def _took(self, arrived: Arrived) -> bool:
        """Give it out. False: something must be read before that."""
        return arrived.before <= self._known(arrived.family) and self._opened(arrived)

    def _opened(self, arrived: Arrived) -> bool:
        """Give it out, if it is new. False: its key must be fetched first."""
        if arrived.sequence <= self._known(arrived.family):
            return True
        try:
            self._give(arrived.recorded(self._journal.codec))
        except KeyWanted:
            return False
        except Unreadable as unreadable:
            sequence = self._seen[arrived.family] = arrived.sequence
            _log.warning("call %s: message %d is left out: %s", self._call, sequence, unreadable)
        except Locked as locked:
            self._put(locked)
        return True

    async def _take_waiting(self) -> None:
        async with self._reading:
            while self._waiting:
                arrived = self._waiting.popleft()
                if not self._took(arrived):
                    await self._read_up_to(arrived)

    async def _read_up_to(self, arrived: Arrived) -> None:
        try:
            if arrived.before > self._known(arrived.family):
                await self._read_missing()  # what is missing comes first, this message with it
            while not self._opened(arrived):
                await self._fetch_key()
        except Locked as locked:
            self._put(locked)

    async def _fetch_key(self) -> None:
        try:
            await self._journal.codec.fetch((self._call,))
        except JournalUnavailable:
            await self._read_missing()  # as long as the log is away

    async def catch_up(self) -> None:
        """Read what may have been missed. All stored before this was called is given out then.

        Of a family of which nothing was ever given out, and it may be that nothing was stored,
        reading on would be to read the whole call: so the log is asked first where it has more.
        """
        async with self._reading:
            if self._families is None:
                return await self._read_missing()
            asked = (self._is_behind(family) for family in self._families)
            behind = await asyncio.gather(*asked)
            if any(behind):
                await self._read_missing(compress(self._families, behind))

    async def _is_behind(self, family: Family) -> bool:
        """Whether the log has more of it, or does not answer."""
        after = self._known(family)
        return not await self._journal.is_all(self._tenant, self._call, family, after)

    async def _read_missing(self, families: Iterable[str] | None = None) -> None:
        """`families`: in which something is missing; None: it may be in all."""
        families = families or self._families or self._seen
        start = min((self._known(family) for family in families), default=self._floor)
        while self._listener is not None:
            try:
                async for recorded in self._journal.read(self._tenant, self._call, after=start):
                    family = recorded.family
                    if self._follows(family) and recorded.sequence > self._known(family):
                        self._give(recorded)
                return
            except JournalUnavailable:
                _log.warning("call %s: the log is away; reading on when it is back", self._call)
                await asyncio.sleep(_AGAIN_S)

    def _follows(self, family: str) -> bool:
        return self._families is None or family in self._families

    def _known(self, family: str) -> int:
        return max(self._seen.get(family, 0), self._floor)

    def _give(self, recorded: Recorded) -> None:
        self._seen[recorded.family] = recorded.sequence
        self._put(recorded)


def _nothing() -> None:
    """It is forgotten already."""


async def follow(
    bus: Bus,
    journal: NatsJournal,
    tenant: TenantId,
    call: CallId,
    *,
    families: tuple[Family, ...] | None = None,
    after: int = 0,
    on_draft: Callable[[bytes], None] | None = None,
    into: Callable[[Given], None] | None = None,
) -> Following:
    """Follow a call from its message `after` on.

    Args: families: only these; None: all.
          on_draft: is given each draft of a transcript as it comes; one may be missed.
          into: is given the messages, in the turn in which they come, instead of the iteration.
    """
    following = Following(bus, journal, tenant, call, families, after, on_draft, into)
    try:
        await following.start()
    except BaseException:
        await following.close()
        raise
    return following
