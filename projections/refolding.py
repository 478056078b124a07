"""A call's rows made anew from the log: after a parked call was mended, or a call was erased."""

from collections.abc import Iterable, Sequence
from typing import Final

from infra.postgres import Connection, Pool
from projections.call_fold import CallFold, Readers, Refused, folded
from projections.following import History
from projections.generations import Generation, standings
from projections.parking import free, park
from projections.projection import Projection
from projections.reading import Place, Stored
from projections.storing import delete, is_refused

_POSITION: Final = (
    "SELECT position FROM projection_positions WHERE name = $1 AND generation = $2 FOR UPDATE"
)


async def refold(
    pool: Pool, projections: Iterable[Projection], history: History, place: Place
) -> list[Refused]:
    """Delete the call's rows and make them anew, as far as each projection has read the log.

    In every generation that is followed. What still can't be taken parks the call again: returned.
    Runners wait meanwhile. Raises LogAway.
    """
    async with pool.acquire() as db, db.transaction():
        held = [each for projection in projections for each in await _held(db, projection)]
        known = await history(place)  # after the positions are held: nothing newer is stored
        return [
            refused
            for generation, position in held
            for refused in await _refold(
                db, generation, place, [each for each in known if each.sequence <= position]
            )
        ]


async def _held(db: Connection, projection: Projection) -> list[tuple[Generation, int]]:
    """The generations of our version and their positions, which can't advance now."""
    return [
        (
            generation := Generation(projection, each.generation, each.state),
            await db.fetchval(_POSITION, generation.name, generation.number),
        )
        for each in await standings(db, projection.name)
        if each.version == projection.version
    ]


async def _refold(
    db: Connection, generation: Generation, place: Place, known: Sequence[Stored]
) -> list[Refused]:
    await delete(db, generation, place)
    await free(db, generation, place)
    fold, refused = _as_far_as_taken(generation, place, known)
    if await is_refused(db, generation, fold) and not refused:
        refused = [Refused(generation.name, place, known[-1].sequence, "RefusedByPostgreSQL")]
    for each in refused:
        await park(db, generation, place, each.sequence, each.error)
    return refused


def _as_far_as_taken(
    generation: Generation, place: Place, known: Sequence[Stored]
) -> tuple[CallFold, list[Refused]]:
    readers = Readers([generation.projection])
    fold, refused = folded(place, readers, known)
    if refused:
        before = [each for each in known if each.sequence < refused[0].sequence]
        fold, _ = folded(place, readers, before)
    return fold, refused
