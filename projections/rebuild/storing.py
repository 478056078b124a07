"""Whole calls become rows: folded in memory, copied, and noted as done, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from contracts.recorded import Recorded
from infra.postgres import Pool
from projections.call_fold import Readers, Refused
from projections.generations import Generation
from projections.parking import park
from projections.reading import Place, Stored
from projections.rebuild.columns import Column
from projections.rebuild.copying import Copying, History, columns_in
from projections.rebuild.folding import folded_as_taken
from projections.rebuild.gathering import Crossing
from projections.rebuild.plan import LATER_ON_DISK

_DONE: Final = "INSERT INTO rebuild_chunks (rebuild, chunk, events, rows) VALUES ($1, $2, $3, $4)"
_CROSSING: Final = (
    "INSERT INTO rebuild_crossings (rebuild, chunk, tenant, call, begun, last)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)


class Filled(msgspec.Struct, tag="filled"):
    """What a chunk came to."""

    chunk: str
    events: int
    rows: int


class Calls:
    """Stores whole calls in generations that are being filled."""

    def __init__(self, pool: Pool, generations: Sequence[Generation]) -> None:
        self._pool, self._generations = pool, {each.name: each for each in generations}
        self._readers = Readers(each.projection for each in generations)
        self._columns: dict[str, dict[str, list[Column]]] = {}

    async def store(
        self,
        rebuild: int,
        chunk: str,
        calls: Mapping[Place, History],
        crossings: Sequence[Crossing] = (),
    ) -> Filled:
        """All of a chunk, call by call: nothing is kept of one but its packed rows."""
        all_copying, refused, events = await self._copying(), list[Refused](), 0
        for place, history in calls.items():
            messages = await history()
            events += events_of(messages)
            fold, more = folded_as_taken(place, self._readers, messages)
            refused += more
            for copying in all_copying:
                copying.add(fold)
        async with self._pool.acquire() as db, db.transaction():
            await db.execute(LATER_ON_DISK)
            rows = 0
            for copying in all_copying:
                copied, more = await copying.copy(db, calls)
                rows, refused = rows + copied, [*refused, *more]
            for each in refused:
                generation = self._generations[each.projection]
                await park(db, generation, each.place, each.sequence, each.error)
            await db.execute(_DONE, rebuild, chunk, events, rows)
            noted = [(rebuild, chunk, *each.place, each.begun, each.last) for each in crossings]
            await db.executemany(_CROSSING, noted)
        return Filled(chunk, events, rows)

    async def _copying(self) -> list[Copying]:
        generations = self._generations.values()
        if not self._columns:
            async with self._pool.acquire() as db:
                self._columns = {each.name: await columns_in(db, each) for each in generations}
        return [Copying(each, self._columns[each.name]) for each in generations]


async def rows_of(pool: Pool, generations: Sequence[Generation], place: Place) -> int:
    """How many a call has, in all tables."""
    counts = " + ".join(
        f"(SELECT count(*) FROM {each.schema}.{table.name} WHERE tenant = $1 AND call = $2)"
        for each in generations
        for table in each.projection.tables
    )
    found: int = await pool.fetchval(f"SELECT {counts}", *place)
    return found


def events_of(messages: Iterable[Stored]) -> int:
    """How many are in them, as far as they can be read."""
    return sum(len(m.message.events) for m in messages if isinstance(m, Recorded))
