"""A batch of which PostgreSQL refuses some row: every call for itself."""

from collections.abc import Sequence

from infra.postgres import REFUSED, Connection
from projections.call_fold import CallFold, Refused
from projections.following import FollowedCalls, Taken
from projections.generations import Generation, Move, advance
from projections.storing import is_refused, store_rows


async def store_one_by_one(
    db: Connection,
    generations: Sequence[Generation],
    calls: FollowedCalls,
    taken: Taken,
    move: Move,
) -> bool:
    """Store what is taken, in a transaction of the caller's. False: the position is another one.

    A call whose rows are refused is parked at the message that made them so: `taken.refused` gets
    it, and its rows are stored as they were before.
    """
    if not await advance(db, generations, move):
        return False
    for generation in generations:
        for fold in taken.folds:
            if await is_refused(db, generation, fold):
                await _let_go(db, generation, calls, fold, taken, move.old)
    return True


async def _let_go(
    db: Connection,
    generation: Generation,
    calls: FollowedCalls,
    fold: CallFold,
    taken: Taken,
    after: int,
) -> None:
    """Find the message, and store the rows of before it."""
    history = [each for each in await calls.history(fold.place) if each.sequence <= fold.last]
    known, kind = CallFold(fold.place, fold.readers), ""
    for stored in history:
        known.take(stored)
        if stored.sequence > after and (kind := await _refusal(db, generation, known)):
            break
    before = CallFold(fold.place, fold.readers)
    for stored in (each for each in history if each.sequence < known.last):
        before.take(stored)
    await store_rows(db, generation, [before])
    fold.let_go(generation.name)
    taken.refused.append(Refused(generation.name, fold.place, known.last, kind))
    if left := sum(each.sequence > known.last for each in history):
        taken.skipped[generation.name, fold.place] += left


async def _refusal(db: Connection, generation: Generation, fold: CallFold) -> str:
    """The kind of error its rows are refused with; empty: none. What is taken is put back."""
    attempt = db.transaction()  # a savepoint
    await attempt.start()
    try:
        await store_rows(db, generation, [fold])
        return ""
    except REFUSED as refused:
        return type(refused).__name__
    finally:
        await attempt.rollback()
