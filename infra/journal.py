"""The log of calls on JetStream, and the one place where a doubtful append is settled."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js.errors import APIError, NotFoundError

from contracts.codec import Codec, Unreadable
from contracts.ids import CallId, TenantId
from contracts.journal import Appended, JournalUnavailable, WrongVersion
from contracts.recorded import Message, Recorded
from contracts.streams import CALLS, Family, call_subject, parse_call_subject
from infra.direct_get import direct_get
from infra.nats import Bus

_log: Final = logging.getLogger("partyline.journal")
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_MSG_ID: Final = "Nats-Msg-Id"
_WRONG_SEQUENCE: Final = 10071
_IN_FLIGHT: Final = 10164  # another append to this subject is under way; R3 only
_BATCH: Final = 1000
_ACK_S: Final = 1.0
_ANSWER_S: Final = 3.0
_AWAY: Final = (
    TimeoutError,
    OSError,
    nats.errors.NoRespondersError,
    nats.errors.TimeoutError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
)


class _Refused(msgspec.Struct):
    err_code: int = 0


class _Ack(msgspec.Struct):
    """The server's answer to an append: https://docs.nats.io/reference/reference-protocols."""

    seq: int = 0
    duplicate: bool = False
    error: _Refused | None = None


_ack: Final = msgspec.json.Decoder(_Ack)


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
        payload = self.codec.encode(call, message)
        headers = {_MSG_ID: id} if after is None else {_MSG_ID: id, _EXPECTED: str(after)}
        deadline = time.monotonic() + self._patience_s
        tried = 0
        while True:
            ack = await self._try(subject, payload, headers, deadline)
            if ack is not None and ack.error is None:
                return await self._acknowledged(ack, subject, payload, tried, after)
            if ack is not None and ack.error is not None:
                if ack.error.err_code == _WRONG_SEQUENCE:
                    sequence = await self._own(subject, id, payload)
                    return Appended(sequence, tried == 0, payload)
                if ack.error.err_code != _IN_FLIGHT:
                    raise JournalUnavailable(f"the log refused, code {ack.error.err_code}")
            if time.monotonic() >= deadline:
                raise JournalUnavailable("the log did not answer")
            tried += 1
            await asyncio.sleep(min(0.02 * 2**tried, 0.5))

    async def _try(
        self, subject: str, payload: bytes, headers: dict[str, str], deadline: float
    ) -> _Ack | None:
        """The server's answer, or None when there was none and nobody knows what was stored."""
        wait_s = max(0.05, min(_ACK_S, deadline - time.monotonic()))
        try:
            reply = await self._bus.nc.request(subject, payload, timeout=wait_s, headers=headers)
        except _AWAY:
            return None
        return _ack.decode(reply.data)

    async def _acknowledged(
        self, ack: _Ack, subject: str, payload: bytes, tried: int, after: int | None
    ) -> Appended:
        """What an acknowledgement says. Of an owner's append a duplicate must be its own."""
        if not ack.duplicate or (tried == 0 and after is None):
            return Appended(ack.seq, ack.duplicate, payload)
        ours = await self._holds(ack.seq, payload)
        if after is not None and not ours:
            raise WrongVersion(parse_call_subject(subject).family)
        return Appended(ack.seq, not ours or tried == 0, payload)

    async def _holds(self, sequence: int, payload: bytes) -> bool:
        """Whether what is stored there is ours, from a try whose acknowledgement was lost."""
        try:
            return (await self._bus.js.get_msg(CALLS.name, sequence)).data == payload
        except (*_AWAY, APIError):
            raise JournalUnavailable("the log did not answer") from None

    async def _own(self, subject: str, id: str, payload: bytes) -> int:
        """The sequence of our own append whose acknowledgement was lost. Raises WrongVersion."""
        try:
            last = await self._bus.js.get_last_msg(CALLS.name, subject)
        except NotFoundError:
            raise WrongVersion(parse_call_subject(subject).family) from None
        except (*_AWAY, APIError):
            raise JournalUnavailable("the log did not answer") from None
        ours = (last.headers or {}).get(_MSG_ID) == id and last.data == payload
        if not ours or last.seq is None:
            raise WrongVersion(parse_call_subject(subject).family)
        return last.seq

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
        while True:
            batch = await self._batch(subject, after + 1)
            for message in batch:
                after = sequence_of(message)
                try:
                    yield self.recorded(message)
                except Unreadable as unreadable:
                    _log.warning("call %s: message %d is left out: %s", call, after, unreadable)
                    if left_out is not None:
                        left_out(after)
            if len(batch) < _BATCH:
                return

    async def _batch(self, subject: str, start: int) -> list[Msg]:
        """Up to _BATCH stored messages."""
        stored = direct_get(
            self._bus, CALLS.name, subject, start=start, most=_BATCH, wait_s=_ANSWER_S
        )
        try:
            return [message async for message in stored]
        except _AWAY:
            raise JournalUnavailable("the log did not answer") from None

    def recorded(self, message: Msg) -> Recorded:
        """A message read from the stream or republished by it. Raises Unreadable."""
        headers = message.headers or {}
        place = parse_call_subject(headers.get("Nats-Subject", message.subject))
        return Recorded(
            tenant=place.tenant,
            call=place.call,
            family=place.family,
            sequence=sequence_of(message),
            stored_ms=_unix_ms(headers.get("Nats-Time-Stamp", "")),
            message=self.codec.decode(place.call, message.data),
            payload=message.data,
        )


def sequence_of(message: Msg) -> int:
    """The stream sequence of a message read from the stream or republished by it."""
    return int((message.headers or {})["Nats-Sequence"])


def _unix_ms(stamp: str) -> float:
    """UNIX time in milliseconds of the server's RFC 3339 stamp; 0.0 where it sends none."""
    if not stamp:
        return 0.0
    seconds, _, fraction = stamp.rstrip("Z").partition(".")
    whole = datetime.fromisoformat(seconds + "+00:00").timestamp()
    return whole * 1000 + float(f"0.{fraction or 0}") * 1000
