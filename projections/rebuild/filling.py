"""A piece of the log becomes rows: whole calls are folded in memory and copied in."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple

import msgspec

from contracts.codec import Codec, Unreadable, is_sealed
from contracts.ids import CallId, TenantId
from contracts.recorded import Recorded
from contracts.streams import parse_call_subject
from infra.call_log import stored_ms
from infra.nats import Bus
from infra.postgres import Pool
from projections.call_fold import CallFold, Readers, Refused
from projections.following import History
from projections.generations import Generation
from projections.history import history_of
from projections.parking import park
from projections.reading import Place, Stored, Unread
from projections.rebuild.copying import copy
from projections.rebuild.plan import Chunk
from projections.rebuild.scanning import Raw, scan

_OVERLAP: Final = (
    10_000  # messages read behind a chunk for its calls to end; then each is asked for
)


class Filled(msgspec.Struct, tag="filled"):
    """What a chunk came to."""

    chunk: str
    events: int
    rows: int


class Filling:
    """Fills generations of some projections, chunk by chunk."""

    def __init__(
        self, bus: Bus, pool: Pool, generations: Sequence[Generation], codec: Codec | None = None
    ) -> None:
        self._bus, self._pool, self._generations = bus, pool, tuple(generations)
        self._codec = codec or Codec()
        self._history: History = history_of(bus, self._codec)
        self._readers = Readers(each.projection for each in generations)

    async def fill(self, rebuild: int, chunk: Chunk, last: int) -> Filled:
        """Store the calls that begin in this chunk, as they are after the message `last`."""
        reading = await self._read(chunk, last)
        calls = await self._opened(reading.begun)
        events = sum(_events(call.messages) for call in calls)
        folds, refused = [], []
        for call in calls:
            fold = CallFold(call.place, self._readers)
            for stored in call.messages:
                for each in fold.take(stored):
                    refused.append(each)
                    self._put_back(fold, each, call.messages)
            folds.append(fold)
        crossings = reading.crossings()
        rows = await self._store(rebuild, chunk.name, calls, folds, refused, events, crossings)
        return Filled(chunk.name, events, rows)

    def _put_back(self, fold: CallFold, refused: Refused, messages: Iterable[Stored]) -> None:
        """Rows of a call that is parked are those of before the message."""
        others = {each.name for each in self._generations} - {refused.projection}
        before = CallFold(fold.place, self._readers, others)
        for stored in messages:
            if stored.sequence < refused.sequence:
                before.take(stored)
        if rows := before.rows.get(refused.projection):
            fold.left[refused.projection] = rows

    async def _read(self, chunk: Chunk, last: int) -> "_Reading":
        reading = _Reading(chunk)
        until = min(last, chunk.last + _OVERLAP)
        async with aclosing(scan(self._bus, chunk.first)) as pieces:
            async for piece in pieces:
                for raw in piece:
                    if raw.sequence <= until:
                        reading.take(raw)
                end = piece[-1].sequence if piece else 0
                if end >= until or (end > chunk.last and not reading.open):
                    break
        if until < last:
            await self._complete(reading.open, last)
        return reading

    async def _complete(self, calls: "Iterable[_Call]", last: int) -> None:
        """Calls that go on for long behind the chunk."""
        for call in calls:
            history = await self._history(call.place)
            call.raw, call.messages = [], [each for each in history if each.sequence <= last]

    async def _opened(self, calls: "list[_Call]") -> "list[_Call]":
        """Decoded. The keys of all are asked for together."""
        sealed = {CallId(call.place.call) for call in calls if call.sealed}
        await self._codec.fetch(sealed)
        for call in calls:
            call.messages += [await _stored(self._codec, call.place, raw) for raw in call.raw]
            call.raw = []
        return calls

    async def _store(
        self,
        rebuild: int,
        chunk: str,
        calls: "Sequence[_Call]",
        folds: Sequence[CallFold],
        refused: Sequence[Refused],
        events: int,
        crossings: "list[_Crossing]",
    ) -> int:
        async with self._pool.acquire() as db, db.transaction():
            rows, messages = 0, {call.place: call.messages for call in calls}
            for generation in self._generations:
                copied, more = await copy(db, generation, folds, messages)
                rows, refused = rows + copied, [*refused, *more]
            generations = {each.name: each for each in self._generations}
            for each in refused:
                await park(db, generations[each.projection], each.place, each.sequence, each.error)
            await db.execute(
                "INSERT INTO rebuild_chunks (rebuild, chunk, events, rows) VALUES ($1, $2, $3, $4)",
                *(rebuild, chunk, events, rows),
            )
            await db.executemany(
                "INSERT INTO rebuild_crossings (rebuild, chunk, tenant, call, begun, last)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                [(rebuild, chunk, *each.place, each.begun, each.last) for each in crossings],
            )
        return rows


class _Crossing(NamedTuple):
    """See the table rebuild_crossings."""

    place: Place
    begun: bool
    last: int


class _Call:
    __slots__ = ("begun", "ended", "last", "messages", "place", "raw", "sealed")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.raw: list[Raw] = []
        self.messages: list[Stored] = []
        self.begun = self.ended = self.sealed = False
        self.last = 0


class _Reading:
    """The calls of a chunk, as bytes, and which of those that begin in it have yet to end."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self.calls: dict[bytes, _Call] = {}

    @property
    def begun(self) -> list[_Call]:
        return [call for call in self.calls.values() if call.begun]

    @property
    def open(self) -> list[_Call]:
        return [call for call in self.calls.values() if call.begun and not call.ended]

    def crossings(self) -> list[_Crossing]:
        end = self._chunk.last
        return [
            _Crossing(call.place, call.begun, call.last)
            for call in self.calls.values()
            if not call.begun or call.last > end
        ]

    def take(self, raw: Raw) -> None:
        name, _, family = raw.subject.rpartition(b".")
        call = self.calls.get(name)
        if call is None:
            if raw.sequence > self._chunk.last:
                return
            place = parse_call_subject(raw.subject.decode())
            call = self.calls[name] = _Call(Place(place.tenant, place.call))
        if family == b"line":
            call.begun = call.begun or b'"line.rang/' in raw.payload
        elif family == b"dialog":
            call.ended = call.ended or b'"dialog.ended/' in raw.payload
        if call.begun:
            call.last = raw.sequence
            call.raw.append(raw)
            call.sealed = call.sealed or is_sealed(raw.payload)
        elif raw.sequence <= self._chunk.last:
            call.last = raw.sequence


async def _stored(codec: Codec, place: Place, raw: Raw) -> Stored:
    tenant, call = TenantId(place.tenant), CallId(place.call)
    try:
        message = await codec.read(call, raw.payload)
    except Unreadable as unreadable:
        return Unread(tenant, call, raw.sequence, str(unreadable))
    return Recorded(
        tenant=tenant,
        call=call,
        family=raw.subject.rpartition(b".")[2].decode(),
        sequence=raw.sequence,
        stored_ms=stored_ms(raw.stored_ns),
        message=message,
    )


def _events(messages: Iterable[Stored]) -> int:
    return sum(len(m.message.events) for m in messages if isinstance(m, Recorded))
