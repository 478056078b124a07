"""Rows of whole calls go into empty tables: https://www.postgresql.org/docs/current/sql-copy.html."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from infra.postgres import REFUSED, Connection
from projections.call_fold import CallFold, Refused
from projections.generations import Generation
from projections.reading import Place, Stored
from projections.storing import without_nul

_REFUSED: Final = (*REFUSED, OverflowError)  # the client's, of a number too large for its column


async def copy(
    db: Connection,
    generation: Generation,
    folds: Sequence[CallFold],
    messages: Mapping[Place, Sequence[Stored]],
) -> tuple[int, list[Refused]]:
    """Copy all calls' rows, in a transaction of the caller's. Returns how many, and the refused.

    A call whose rows PostgreSQL refuses is copied as it was before the message that made them so.
    """
    try:
        async with db.transaction():  # a savepoint
            return await _copy(db, generation, folds), []
    except _REFUSED:
        pass  # some row of some call: each for itself
    copied, refused = 0, []
    for fold in folds:
        done = await _copied(db, generation, fold)
        if done is None:
            last, each = await _before_refusal(db, generation, fold, messages[fold.place])
            refused.append(each)
            done = await _copy(db, generation, [last])
        copied += done
    return copied, refused


async def _copied(db: Connection, generation: Generation, fold: CallFold) -> int | None:
    """None: refused. Where some text has a NUL, another sign takes its place."""
    for once_more in (True, False):
        try:
            async with db.transaction():
                return await _copy(db, generation, [fold])
        except _REFUSED:
            if once_more and (rows := fold.rows_of(generation.projection)):
                without_nul(rows)
    return None


async def _before_refusal(
    db: Connection, generation: Generation, fold: CallFold, messages: Iterable[Stored]
) -> tuple[CallFold, Refused]:
    before = CallFold(fold.place, fold.readers)
    for stored in messages:
        after = CallFold(fold.place, fold.readers)
        for each in messages:
            if each.sequence <= stored.sequence:
                after.take(each)
        if kind := await _refusal(db, generation, after):
            return before, Refused(generation.name, fold.place, stored.sequence, kind)
        before = after
    raise AssertionError("rows that were refused are taken")


async def _refusal(db: Connection, generation: Generation, fold: CallFold) -> str:
    """The kind of error; empty: none. What is copied is put back."""
    if rows := fold.rows_of(generation.projection):
        without_nul(rows)
    attempt = db.transaction()
    await attempt.start()
    try:
        await _copy(db, generation, [fold])
        return ""
    except _REFUSED as refused:
        return type(refused).__name__
    finally:
        await attempt.rollback()


async def _copy(db: Connection, generation: Generation, folds: Sequence[CallFold]) -> int:
    by_type: dict[type[msgspec.Struct], list[tuple[Any, ...]]] = defaultdict(list)
    for fold in folds:
        if rows := fold.rows_of(generation.projection):
            for row in rows.news:
                by_type[type(row)].append(msgspec.structs.astuple(row))
    copied = 0
    for table in generation.projection.tables:
        if records := by_type.get(table.row):
            await db.copy_records_to_table(
                table.name,
                schema_name=generation.schema,
                columns=table.row.__struct_fields__,
                records=records,
            )
            copied += len(records)
    return copied
