"""The log of calls on JetStream. Doubtful appends are settled by infra.settling."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from nats.aio.msg import Msg
from nats.js.errors import APIError, NotFoundError

from contracts.codec import Codec, Unreadable
from contracts.ids import CallId, TenantId
from contracts.journal import Appended, JournalUnavailable
from contracts.recorded import Message, Recorded
from contracts.streams import CALLS, Family, call_subject, parse_call_subject
from infra.cancelling import stop_if_cancelled
from infra.direct_get import direct_get
from infra.nats import Bus
from infra.settling import AWAY, Wanted, settle
from infra.stamps import unix_ms

_log: Final = logging.getLogger("partyline.journal")
_BATCH: Final = 1000
_ANSWER_S: Final = 1.0  # between two messages
_ASKED_TIMES: Final = 5  # without progress
_NO_MESSAGE: Final = 10037
_PAUSE_S: Final = 0.01  # after the first; then doubled


class _Received(NamedTuple):
    """What came of a batch. `whole`: the server said that this is all it was asked for."""

    messages: list[Msg]
    whole: bool


class NatsJournal:
    """contracts.journal.Journal on the CALLS stream.

    `patience_s`: how long an append is tried again before it counts as unavailable.
    """

    def __init__(self, bus: Bus, codec: Codec | None = None, *, patience_s: float = 10.0) -> None:
        self._bus = bus
        self.codec: Final = codec or Codec()
        self._patience_s = patience_s

    async def append(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family,
        message: Message,
        *,
        id: str,
        after: int | None = None,
    ) -> Appended:
        """See contracts.journal.Journal.append."""
        subject = call_subject(tenant, call, family)
        payload = await self.codec.write(call, message)
        self.codec.keep(call, message, payload)
        wanted = Wanted(subject, payload, id, after)
        return await settle(self._bus, wanted, patience_s=self._patience_s)

    async def read(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family | None = None,
        *,
        after: int = 0,
        left_out: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Recorded]:
        """See contracts.journal.Journal.read. Reads by batched Direct Get."""
        subject = call_subject(tenant, call, family or "*")
        while batch := await self._batch(subject, after + 1):
            for message in batch:
                after = sequence_of(message)
                try:
                    yield await self.recorded(message)
                except Unreadable as unreadable:
                    _log.warning("call %s: message %d is left out: %s", call, after, unreadable)
                    if left_out is not None:
                        left_out(after)
            if _header(batch[-1], "Nats-Num-Pending") == 0 and (
                self._by_the_leader or await self._is_end(subject, after + 1)
            ):
                return

    async def is_all(self, tenant: TenantId, call: CallId, family: Family, after: int) -> bool:
        """Whether nothing of the family stands behind `after`, by the leader's word. False, too,
        when it gives none."""
        return await self._is_end(call_subject(tenant, call, family), after + 1)

    @property
    def _by_the_leader(self) -> bool:
        """Whether there is one copy of the stream, which answers for a batch, too."""
        return self._bus.nc.usual_replicas == 1

    async def _batch(self, subject: str, start: int) -> list[Msg]:
        """The next stored messages without a gap; [] when there are none."""
        for tried in range(_ASKED_TIMES):
            stop_if_cancelled()
            received = await self._received(subject, start)
            if received.messages:
                return received.messages
            if (received.whole and self._by_the_leader) or await self._is_end(subject, start):
                return []
            await asyncio.sleep(_PAUSE_S * 2**tried)
        raise JournalUnavailable("the log did not answer")

    async def _received(self, subject: str, start: int) -> "_Received":
        """Up to _BATCH messages. Where one was lost on a cut connection, those before it."""
        stored = direct_get(
            self._bus, CALLS.name, subject, start=start, most=_BATCH, wait_s=_ANSWER_S
        )
        batch: list[Msg] = []
        with contextlib.suppress(*AWAY):
            async with contextlib.aclosing(stored):
                async for message in stored:
                    before = sequence_of(batch[-1]) if batch else 0
                    if _header(message, "Nats-Last-Sequence") != before:
                        return _Received(batch, whole=False)
                    batch.append(message)
            return _Received(batch, whole=True)
        return _Received(batch, whole=False)

    async def _is_end(self, subject: str, start: int) -> bool:
        """Whether the stream's leader says so.

        An empty batch may also be a lost or a refused one, and any copy of the stream answers for a
        batch: one that is behind the leader leaves out what was stored last.
        """
        js = self._bus.nc.jetstream(timeout=_ANSWER_S)
        try:
            await js.get_msg(CALLS.name, start, subject, next=True)
        except NotFoundError as absent:
            return absent.err_code == _NO_MESSAGE  # else there is no stream
        except (*AWAY, APIError):
            return False
        return False

    async def recorded(self, message: Msg) -> Recorded:
        """A message read from the stream or republished by it.

        Raises: Unreadable; Locked; JournalUnavailable when its key could not be had.
        """
        headers = message.headers or {}
        place = parse_call_subject(headers.get("Nats-Subject", message.subject))
        return Recorded(
            tenant=place.tenant,
            call=place.call,
            family=place.family,
            sequence=sequence_of(message),
            stored_ms=stored_ms_of(message),
            message=await self.codec.read(place.call, message.data),
            payload=message.data,
        )


def sequence_of(message: Msg) -> int:
    """The stream sequence of a message read from the stream or republished by it."""
    return int((message.headers or {})["Nats-Sequence"])


def stored_ms_of(message: Msg) -> float:
    """When the server stored it: UNIX time in milliseconds; 0.0 where it does not say."""
    stamp = (message.headers or {}).get("Nats-Time-Stamp", "")
    return unix_ms(stamp) if stamp else 0.0


def _header(message: Msg, name: str) -> int:
    """-1 where there is none."""
    return int((message.headers or {}).get(name, -1))
