"""The whole log from a position on, in batches of what has arrived, without acknowledgements."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

import nats.errors
from nats.aio.subscription import Subscription
from nats.js import api
from nats.js.errors import Error as JetStreamError

from contracts.codec import Codec, Unreadable, is_sealed
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.recorded import Recorded
from contracts.streams import CALLS, CANARY, parse_call_subject
from infra.delivered import Delivered, delivered
from infra.nats import Bus
from infra.raw_headers import headers_told, status_of
from infra.stamps import stored_ms

BATCH: Final = 2_000  # messages asked for at once; twice as many may wait here
_EXPIRES_S: Final = 30.0  # of a request for messages, which is then made again
_HEARTBEAT_S: Final = 5.0  # the server says so often that it has nothing
_GATHER_S: Final = 0.1
_SILENCE_S: Final = 12.0
_UNUSED_S: Final = 60.0  # the server forgets a reader that died after so long
_AWAY: Final = (OSError, TimeoutError, nats.errors.Error, JetStreamError)


class LogAway(Exception):
    """The log can't be read on just now; a new reader may."""


class Place(NamedTuple):
    """Which call."""

    tenant: str
    call: str


class Unread(NamedTuple):
    """A stored message that no contract covers."""

    tenant: TenantId
    call: CallId
    sequence: int
    error: str


Stored: TypeAlias = Recorded | Unread


class Batch(NamedTuple):
    """A piece of the log."""

    messages: list[Stored]  # of calls, in stored order; none where only canaries came
    last: int  # stream sequence of its last message
    stored_at: datetime  # when the server stored that one, by its clock


class Extent(NamedTuple):
    """What the log holds: stream sequences; 0 and 0 while it is new."""

    first: int
    last: int


async def extent(bus: Bus) -> Extent:
    """Raises LogAway."""
    try:
        state = (await bus.js.stream_info(CALLS.name)).state
    except _AWAY as away:
        raise LogAway(type(away).__name__) from None
    return Extent(state.first_seq, state.last_seq)


class Reader:
    """One pull consumer of the server's, which lives as long as this reader.

    The server's numbers of delivery tell whether one was lost on the way; then, and whenever the
    connection broke, the reader is done for and another takes up from the stored position.
    """

    def __init__(self, bus: Bus, codec: Codec, consumer: str) -> None:
        self._bus, self._codec, self._consumer = bus, codec, consumer
        self._inbox: Final = bus.nc.new_inbox()
        self._subscription: Subscription | None = None
        self._waiting: list[Delivered] = []
        self._waiting_from_s = 0.0  # when the first of them came, on the monotonic clock
        self._news = asyncio.Event()
        self._asked = 0  # messages asked for and not yet delivered
        self._delivered = 0  # the server's number of the last delivery
        self._broken = ""
        self._forget = bus.on_reconnect(self._on_reconnect)

    async def batch(self) -> Batch:
        """The next messages, at least one. Raises LogAway.

        Waits for those that follow until the first has waited 0.1 s, some of it perhaps while the
        batch before was stored: what happens in a call happens in bursts, a burst is
        cheaper in one transaction, and in between the caller's answer has the loop to itself.
        """
        if self._asked < BATCH:
            await self._ask(BATCH)
        while not self._waiting:
            self._news.clear()
            if self._broken:
                raise LogAway(self._broken)
            if self._asked == 0:
                await self._ask(BATCH)
            await self._hear()
        left_s = self._waiting_from_s + _GATHER_S - time.monotonic()
        if len(self._waiting) < BATCH and left_s > 0:
            await asyncio.sleep(left_s)
        messages, self._waiting = self._waiting, []
        opened = await self._opened([each for each in messages if each.subject != CANARY])
        return Batch(opened, messages[-1].sequence, messages[-1].stored_at)

    async def listen(self) -> None:
        """Be ready to receive. Raises LogAway."""
        try:
            self._subscription = await self._bus.nc.sub_raw(self._inbox, self._on_raw)
        except _AWAY as away:
            raise LogAway(type(away).__name__) from None

    async def close(self) -> None:
        """Let the server forget this reader, if it can be reached."""
        self._forget()
        with contextlib.suppress(*_AWAY):
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            if self._bus.connected:
                await self._bus.js.delete_consumer(CALLS.name, self._consumer)

    async def _ask(self, messages: int) -> None:
        request = {
            "batch": messages,
            "expires": int(_EXPIRES_S * 1e9),
            "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{CALLS.name}.{self._consumer}"
        try:
            await self._bus.nc.publish(subject, json.dumps(request).encode(), reply=self._inbox)
        except _AWAY as away:
            raise LogAway(type(away).__name__) from None
        self._asked += messages

    async def _hear(self) -> None:
        try:
            async with asyncio.timeout(_SILENCE_S):
                await self._news.wait()
        except TimeoutError:
            raise LogAway("silent") from None

    def _on_raw(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes) -> None:
        if not reply:
            self._on_status(status_of(headers), headers)
        else:
            self._on_message(delivered(subject, reply, payload))
        self._news.set()

    def _on_message(self, message: Delivered) -> None:
        if message.nth != self._delivered + 1:
            self._broken = "a delivery was lost"
        elif not self._broken:
            self._delivered += 1
            self._asked -= 1
            if not self._waiting:
                self._waiting_from_s = time.monotonic()
            self._waiting.append(message)

    def _on_status(self, status: str, headers: bytes) -> None:
        """A word of the server's own: ADR-13, https://github.com/nats-io/nats-architecture-and-design."""
        if status == "408":  # a request expired: what it still asked for is not coming
            self._asked -= int(headers_told(headers).get("Nats-Pending-Messages", 0))
        elif status != "100":  # 100: nothing new, but alive
            self._broken = f"status {status}"

    async def _on_reconnect(self) -> None:
        self._broken = "the connection broke"
        self._news.set()

    async def _opened(self, messages: list[Delivered]) -> list[Stored]:
        """Their calls' keys are asked for together. Raises LogAway."""
        try:
            sealed = {parse_call_subject(m.subject).call for m in messages if is_sealed(m.payload)}
            await self._codec.fetch(sealed)
            return [await self._read(message) for message in messages]
        except JournalUnavailable as away:
            raise LogAway(str(away)) from None

    async def _read(self, message: Delivered) -> Stored:
        place = parse_call_subject(message.subject)
        try:
            content = await self._codec.read(place.call, message.payload, live=True)
        except Unreadable as unreadable:
            return Unread(place.tenant, place.call, message.sequence, str(unreadable))
        return Recorded(
            tenant=place.tenant,
            call=place.call,
            family=place.family,
            sequence=message.sequence,
            stored_ms=stored_ms(message.stored_ns),
            message=content,
            payload=message.payload,
        )


@asynccontextmanager
async def reading(bus: Bus, codec: Codec, *, after: int) -> AsyncIterator[Reader]:
    """Read what is stored behind the stream sequence `after`. Raises LogAway."""
    settings = api.ConsumerConfig(
        description="a projection",
        deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        ack_policy=api.AckPolicy.NONE,
        inactive_threshold=_UNUSED_S,
        num_replicas=1,
        mem_storage=True,
    )
    try:
        made = await bus.js.add_consumer(CALLS.name, settings)
    except _AWAY as away:
        raise LogAway(type(away).__name__) from None
    reader = Reader(bus, codec, made.name)
    try:
        await reader.listen()
        yield reader
    finally:
        await reader.close()
