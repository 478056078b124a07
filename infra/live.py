"""One call's messages as they are stored: what was, then what comes, without a gap."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts.codec import Unreadable
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.recorded import Recorded
from contracts.seal import Locked
from contracts.streams import DRAFT, Family, live_subject
from infra.cancelling import stop_if_cancelled
from infra.journal import NatsJournal, sequence_of
from infra.nats import Bus

_log: Final = logging.getLogger("partyline.live")
_AGAIN_S: Final = 0.2


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
        on_draft: Callable[[bytes], None] | None = None,
    ) -> None:
        self._bus, self._journal = bus, journal
        self._tenant, self._call = tenant, call
        self._families = families
        self._floor, self._on_draft = after, on_draft
        self._seen: dict[str, int] = {}  # newest sequence given out or left out, by family
        self._queue: asyncio.Queue[Recorded | Locked | None] = asyncio.Queue()
        self._reading = asyncio.Lock()  # one reader of missing parts at a time
        self._subscription: Subscription | None = None
        self._forget = bus.on_reconnect(self.catch_up)

    async def start(self) -> None:
        """Subscribe first, then read what was stored before: nothing falls between.

        One subscription for all families: it alone keeps the order they were stored in.
        """
        async with self._reading:
            subject = live_subject(self._tenant, self._call)
            self._subscription = await self._bus.nc.subscribe(subject, cb=self._on_live)
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
        if self._subscription is None:
            return
        subscription, self._subscription = self._subscription, None
        if not self._bus.nc.is_closed:
            await subscription.unsubscribe()
        self._queue.put_nowait(None)

    async def _on_live(self, message: Msg) -> None:
        family = message.subject.rpartition(".")[2]
        headers = message.headers or {}
        if family == DRAFT and self._on_draft:
            self._on_draft(message.data)
        if not self._follows(family) or "Nats-Sequence" not in headers:
            return  # somebody else's, or a draft, which is live only
        async with self._reading:
            if int(headers.get("Nats-Last-Sequence", 0)) > self._known(family):
                await self._read_missing()  # what is missing comes first, this message with it
            if sequence_of(message) > self._known(family):
                await self._take(family, message)

    async def _take(self, family: str, message: Msg) -> None:
        try:
            self._give(await self._journal.recorded(message))
        except Unreadable as unreadable:
            sequence = self._seen[family] = sequence_of(message)
            _log.warning("call %s: message %d is left out: %s", self._call, sequence, unreadable)
        except JournalUnavailable:  # its key could not be had
            await self._read_missing()
        except Locked as locked:
            self._queue.put_nowait(locked)

    async def catch_up(self) -> None:
        """Read what may have been missed. All stored before this was called is given out then."""
        async with self._reading:
            await self._read_missing()

    async def _read_missing(self) -> None:
        families: Iterable[str] = self._families or self._seen
        start = min((self._known(family) for family in families), default=self._floor)
        while self._subscription is not None:
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
        self._queue.put_nowait(recorded)


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
) -> Following:
    """Follow a call from its message `after` on.

    Args: families: only these; None: all.
          on_draft: is given each draft of a transcript as it comes; one may be missed.
    """
    following = Following(bus, journal, tenant, call, families, after, on_draft)
    try:
        await following.start()
    except BaseException:
        await following.close()
        raise
    return following
