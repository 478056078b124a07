"""Changed rows and the position they bring a projection to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from infra.postgres import REFUSED, Connection
from projections.call_fold import CallFold
from projections.folding import Rows
from projections.generations import Generation, Move, advance
from projections.reading import Place

_KEPT_TABLES: Final = (
    "SELECT format('%I.%I', n.nspname, t.relname) AS name FROM projection_positions AS p"
    " JOIN pg_namespace AS n ON n.nspname = p.name || '_' || p.generation"
    " JOIN pg_class AS t ON t.relnamespace = n.oid AND t.relkind = 'r'"
    " WHERE p.name = $1 AND p.state = 'kept'"
)
_NUL = "\x00"  # PostgreSQL takes it in no text
_INSTEAD = "\N{REPLACEMENT CHARACTER}"


async def store_rows(db: Connection, generation: Generation, folds: Iterable[CallFold]) -> None:
    """Store what these calls' rows have become. In a transaction of the caller's."""
    by_type: dict[type[msgspec.Struct], list[tuple[Any, ...]]] = defaultdict(list)
    for fold in folds:
        rows = fold.rows_of(generation.projection)
        if rows is None:
            continue
        if fold.anew:
            await delete(db, generation, fold.place)
            await delete_kept(db, generation.name, fold.place)
        for row in rows.news:
            by_type[type(row)].append(msgspec.structs.astuple(row))
    for row_type, statement in generation.upserts.items():
        if values := by_type.get(row_type):
            await db.executemany(statement, values)


async def delete(db: Connection, generation: Generation, place: Place) -> None:
    """Delete a call's rows."""
    for table in generation.projection.tables:
        await db.execute(
            f"DELETE FROM {generation.schema}.{table.name} WHERE tenant = $1 AND call = $2", *place
        )


async def delete_kept(db: Connection, name: str, place: Place) -> None:
    """Delete an erased call's rows from tables that are kept for a rollback, of any version.

    Nobody follows them. Once they are live again they read on, and make the call anew where they
    come to its erasure.
    """
    for table in await db.fetch(_KEPT_TABLES, name):
        await db.execute(f"DELETE FROM {table['name']} WHERE tenant = $1 AND call = $2", *place)


async def store(
    db: Connection,
    generations: Sequence[Generation],
    folds: Sequence[CallFold],
    move: Move,
) -> bool:
    """Rows of all calls and the new position, in a transaction of the caller's.

    Returns False when the position is not the old one any more. Raises REFUSED.
    """
    if not await advance(db, generations, move):
        return False
    for generation in generations:
        await store_rows(db, generation, folds)
    return True


async def is_refused(db: Connection, generation: Generation, fold: CallFold) -> bool:
    """Try to store one call's rows, in a transaction of the caller's; what is refused leaves none.

    Rows with a NUL in a text, which PostgreSQL does not take, get another sign in its place.
    """
    for once_more in (True, False):
        try:
            async with db.transaction():  # a savepoint
                await store_rows(db, generation, [fold])
                return False
        except REFUSED:
            if once_more and (rows := fold.rows_of(generation.projection)):
                without_nul(rows)
    return True


def without_nul(rows: Rows) -> None:
    """Let the changed rows be as PostgreSQL takes them."""
    for row in rows.news:
        for name in row.__struct_fields__:
            setattr(row, name, clean(getattr(row, name)))


def clean(value: Any) -> Any:
    """The value as PostgreSQL takes it: another sign for NUL, lists for tuples."""
    match value:
        case str():
            return value.replace(_NUL, _INSTEAD)
        case dict():
            return {clean(key): clean(each) for key, each in value.items()}
        case list() | tuple():
            return [clean(each) for each in value]
        case msgspec.Raw():
            return msgspec.Raw(msgspec.json.encode(clean(msgspec.json.decode(value))))
        case _:
            return value
