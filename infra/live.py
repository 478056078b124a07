"""One call's messages as they are stored: what was, then what comes, without a gap."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts.codec import Unreadable
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.recorded import Recorded
from contracts.streams import Family, live_subject
from infra.journal import NatsJournal
from infra.nats import Bus

_log: Final = logging.getLogger("partyline.live")


class Following:
    """Iterate to get the call's messages in stored order, none twice. Close when done.

    A republished message names the one before it on its subject; where that one was missed, or
    the connection was away, the missing part is read from the stream.
    """

    def __init__(
        self,
        bus: Bus,
        journal: NatsJournal,
        tenant: TenantId,
        call: CallId,
        families: tuple[Family, ...] | None,
        after: int,
    ) -> None:
        self._bus, self._journal = bus, journal
        self._tenant, self._call = tenant, call
        self._families = families
        self._floor = after
        self._seen: dict[str, int] = {}  # newest sequence given out, by family
        self._queue: asyncio.Queue[Recorded | None] = asyncio.Queue()
        self._reading = asyncio.Lock()  # one reader of missing parts at a time
        self._subscriptions: list[Subscription] = []
        self._forget = bus.on_reconnect(self._catch_up)
        self.unreadable = 0  # messages no contract covers, left out

    async def start(self) -> None:
        """Subscribe first, then read what was stored before: nothing falls between."""
        async with self._reading:
            for family in self._families or ("*",):
                subject = live_subject(self._tenant, self._call, family)
                self._subscriptions.append(await self._bus.nc.subscribe(subject, cb=self._on_live))
            await self._bus.nc.flush()
            await self._read_missing()

    async def __aiter__(self) -> AsyncIterator[Recorded]:
        while (recorded := await self._queue.get()) is not None:
            yield recorded

    async def close(self) -> None:
        """End the iteration. Safe to call twice."""
        if not self._subscriptions:
            return
        self._forget()
        subscriptions, self._subscriptions = self._subscriptions, []
        if not self._bus.nc.is_closed:
            for subscription in subscriptions:
                await subscription.unsubscribe()
        self._queue.put_nowait(None)

    async def _on_live(self, message: Msg) -> None:
        headers = message.headers or {}
        if "Nats-Sequence" not in headers:
            return  # a draft: live only
        family = message.subject.rpartition(".")[2]
        async with self._reading:
            missed = int(headers.get("Nats-Last-Sequence", 0))
            if missed > max(self._seen.get(family, 0), self._floor):
                await self._read_missing()
            if int(headers["Nats-Sequence"]) <= max(self._seen.get(family, 0), self._floor):
                return
            try:
                self._give(self._journal.recorded(message))
            except Unreadable as unreadable:
                self._leave_out(family, int(headers["Nats-Sequence"]), unreadable)

    async def _catch_up(self) -> None:
        async with self._reading:
            await self._read_missing()

    async def _read_missing(self) -> None:
        start = min((self._seen.get(f, self._floor) for f in self._watched()), default=self._floor)
        try:
            for recorded in await self._stored(start):
                known = max(self._seen.get(recorded.family, 0), self._floor)
                if recorded.sequence > known:
                    self._give(recorded)
        except JournalUnavailable:
            _log.warning("call %s: the log is away; reading on when it is back", self._call)

    def _watched(self) -> tuple[str, ...]:
        return self._families or tuple(self._seen)

    async def _stored(self, start: int) -> list[Recorded]:
        found: list[Recorded] = []
        while True:
            try:
                async for recorded in self._journal.read(self._tenant, self._call, after=start):
                    if self._families is None or recorded.family in self._families:
                        found.append(recorded)
                    start = recorded.sequence
                return found
            except Unreadable as unreadable:
                start += 1  # step over it: the stream's numbers of one call have holes anyway
                self.unreadable += 1
                _log.warning("call %s: a message is left out: %s", self._call, unreadable)

    def _give(self, recorded: Recorded) -> None:
        self._seen[recorded.family] = recorded.sequence
        self._queue.put_nowait(recorded)

    def _leave_out(self, family: str, sequence: int, unreadable: Unreadable) -> None:
        self._seen[family] = sequence
        self.unreadable += 1
        _log.warning("call %s: message %d is left out: %s", self._call, sequence, unreadable)


async def follow(
    bus: Bus,
    journal: NatsJournal,
    tenant: TenantId,
    call: CallId,
    *,
    families: tuple[Family, ...] | None = None,
    after: int = 0,
) -> Following:
    """Follow a call from its message `after` on. `families`: only these; None: all."""
    following = Following(bus, journal, tenant, call, families, after)
    await following.start()
    return following
