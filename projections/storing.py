"""Rows and position of a batch, in one transaction."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from infra.postgres import REFUSED, Connection
from projections.parking import park, parked_calls, skip
from projections.positions import advance
from projections.projection import Projection
from projections.reading import Place, Stored, Unread
from projections.write import Write


class Refused(NamedTuple):
    """A message the projection can't take."""

    place: Place
    sequence: int
    error: str  # its kind


class Plan(NamedTuple):
    """What becomes of a batch."""

    writes: dict[Place, list[Write]]
    refused: list[Refused]
    skipped: Counter[Place]


async def store(
    db: Connection, projection: Projection, batch: Sequence[Stored], *, after: int
) -> list[Refused] | None:
    """Write the batch's rows, the calls it parks and the new position, or nothing of it.

    Returns what was refused; None when the position is not `after` any more.
    """
    last = batch[-1].sequence
    try:
        async with db.transaction():
            if not await advance(db, projection, after, last):
                return None
            return await _in_bulk(db, projection, batch)
    except REFUSED:
        pass  # some row of the batch: the next transaction finds it
    async with db.transaction():
        if not await advance(db, projection, after, last):
            return None
        return await _one_by_one(db, projection, batch)


async def _in_bulk(
    db: Connection, projection: Projection, batch: Sequence[Stored]
) -> list[Refused]:
    parked = await parked_calls(db, projection, map(_place, batch))
    writes, refused, skipped = _plan(projection, batch, parked)
    for sql, values in grouped(writes.values()):
        await db.executemany(sql, values)
    await _park(db, projection, refused, skipped)
    return refused


async def _one_by_one(
    db: Connection, projection: Projection, batch: Sequence[Stored]
) -> list[Refused]:
    parked = await parked_calls(db, projection, map(_place, batch))
    found: list[Refused] = []
    for stored in batch:
        writes, refused, skipped = _plan(projection, [stored], parked)
        try:
            async with db.transaction():  # a savepoint: what is refused leaves no trace
                for write in (write for each in writes.values() for write in each):
                    await db.execute(write.sql, *write.args)
        except REFUSED as failure:
            refused = [Refused(_place(stored), stored.sequence, type(failure).__name__)]
        await _park(db, projection, refused, skipped)
        parked |= {each.place for each in refused}
        found += refused
    return found


def _plan(projection: Projection, batch: Sequence[Stored], parked: set[Place]) -> Plan:
    """The batch's writes, by call; a call is followed up to its first refused message."""
    plan = Plan({}, [], Counter())
    stopped = set(parked)
    for stored in batch:
        place = _place(stored)
        if place in stopped:
            plan.skipped[place] += 1
            continue
        projected = _projected(projection, stored)
        if isinstance(projected, Refused):
            stopped.add(place)
            plan.refused.append(projected)
        else:
            plan.writes.setdefault(place, []).extend(projected)
    return plan


def _projected(projection: Projection, stored: Stored) -> list[Write] | Refused:
    if isinstance(stored, Unread):
        return Refused(_place(stored), stored.sequence, stored.error)
    try:
        return projection.project(stored)
    except Exception as failure:  # whatever one message does must not stop the other calls
        return Refused(_place(stored), stored.sequence, type(failure).__name__)


async def _park(
    db: Connection, projection: Projection, refused: list[Refused], skipped: Counter[Place]
) -> None:
    for place, sequence, error in refused:
        await park(db, projection, place, sequence, error)
    for place, messages in skipped.items():
        await skip(db, projection, place, messages)


def _place(stored: Stored) -> Place:
    return Place(stored.tenant, stored.call)


def grouped(calls: Iterable[Sequence[Write]]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The writes by statement, so that each statement is sent once for many rows.

    Those of one call keep their order; calls have no rows in common, so among them none is needed.
    """
    left = [deque(writes) for writes in calls if writes]
    while left:
        sql = Counter(writes[0].sql for writes in left).most_common(1)[0][0]
        values: list[tuple[Any, ...]] = []
        for writes in left:
            while writes and writes[0].sql == sql:
                values.append(writes.popleft().args)
        yield sql, values
        left = [writes for writes in left if writes]
