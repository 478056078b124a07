"""Pieces of the log, and of the archive, become rows."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from contracts.codec import Codec, KeyWanted
from contracts.ids import CallId, TenantId
from infra.archive import Archive, Segment
from infra.call_log import CallLog
from infra.nats import Bus
from infra.postgres import Pool
from projections.generations import Generation
from projections.history import history_of, stored_of
from projections.reading import Place, Stored
from projections.rebuild.copying import History
from projections.rebuild.decoding import stored_in
from projections.rebuild.gathering import Crossing, GatheredCall, Gathering
from projections.rebuild.plan import ANEW, Chunk, Plan
from projections.rebuild.reading_on import ReadingOn
from projections.rebuild.storing import Calls, Filled

_OVERLAP: Final = 10_000  # messages read on for calls to end; then each is asked for
_AFTERWARDS: Final = 1_000  # and when all have ended, for what is told of them then


class Filling:
    """Fills generations of some projections, piece by piece."""

    def __init__(
        self,
        bus: Bus,
        pool: Pool,
        generations: Sequence[Generation],
        codec: Codec | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._bus, self._codec = bus, (codec or Codec()).of_events()
        self._log, self._history = CallLog(bus, self._codec), history_of(bus, self._codec, archive)
        self._calls, self._reading = Calls(pool, generations), ReadingOn(bus)

    async def close(self) -> None:
        """Let the server forget who reads."""
        await self._reading.close()

    async def fill(self, rebuild: int, chunk: Chunk, last: int) -> Filled:
        """Store the calls that begin in this chunk, as they are after the message `last`."""
        gathering = await self._gather(chunk, last)
        begun = gathering.begun
        await self._codec.fetch({CallId(call.place.call) for call in begun if call.sealed})
        calls = {call.place: partial(self._messages, call) for call in begun}
        return await self._calls.store(rebuild, chunk.name, calls, gathering.crossings())

    async def fill_segment(self, plan: Plan, segment: Segment) -> Filled:
        """Store the archived calls that begin in this segment.

        One that the log has something of, too, is left to the end, when all of it is put together.
        """
        calls: dict[Place, History] = {}
        crossings = []
        async for each in segment.calls():
            place = Place(each.tenant, each.call)
            newest = each.history[-1].sequence
            if newest >= plan.first and await self._log.count(each.tenant, each.call):
                crossings.append(Crossing(place, False, ANEW))
            else:
                calls[place] = partial(_known, stored_of(each.history, each.unreadable))
        return await self._calls.store(plan.id, segment.key, calls, crossings)

    async def _gather(self, chunk: Chunk, last: int) -> Gathering:
        gathering = Gathering(chunk)
        until = min(last, chunk.last + _OVERLAP)
        await self._reading.begin(chunk, last)
        end, enough = 0, chunk.last + _AFTERWARDS
        while end < min(enough, until):
            piece = await self._reading.some()
            gathering.take(piece, until)
            end = piece[-1].sequence if piece else end
            if gathering.open:
                enough = max(enough, end + _AFTERWARDS)
        if until < last:
            await self._complete(gathering.open, last)
        return gathering

    async def _complete(self, calls: Iterable[GatheredCall], last: int) -> None:
        """Calls that go on for long behind the chunk."""
        for call in calls:
            history = await self._history(call.place)
            call.raw, call.messages = [], [each for each in history if each.sequence <= last]
            call.last = call.messages[-1].sequence

    async def _messages(self, call: GatheredCall) -> list[Stored]:
        """Decoded each time: a chunk's calls would be too many to be kept near at hand."""
        tenant, id = TenantId(call.place.tenant), CallId(call.place.call)
        while True:
            try:
                return [*call.messages, *stored_in(self._codec, tenant, id, call.raw)]
            except KeyWanted:  # forgotten meanwhile
                await self._codec.fetch((id,))


async def _known(messages: list[Stored]) -> list[Stored]:
    return messages
