"""Rows of whole calls go into empty tables: https://www.postgresql.org/docs/current/sql-copy.html."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from infra.postgres import REFUSED, Connection
from projections.call_fold import CallFold, Readers, Refused, folded
from projections.generations import Generation
from projections.reading import Place, Stored
from projections.rebuild.columns import Column, columns_of
from projections.rebuild.folding import folded_as_taken
from projections.rebuild.packing import Packed
from projections.rows import columns
from projections.storing import without_nul

History: TypeAlias = Callable[[], Awaitable[Sequence[Stored]]]
"""Reads what the log has of a call, in stored order; again, when it is asked again."""

_REFUSED: Final = (*REFUSED, OverflowError)  # found while packing: a number too large


class Copying:
    """Rows of many calls, on their way into one generation's tables."""

    def __init__(self, generation: Generation, columns: Mapping[str, Sequence[Column]]) -> None:
        """`columns`: as `columns_in` has found them."""
        self._generation, self._columns = generation, columns
        self._packed: Packed | None = self._none_packed()

    def add(self, fold: CallFold) -> None:
        """Pack a call's rows: just folded, they are near at hand."""
        if self._packed is None:
            return
        try:
            self._packed.add(fold)
        except OverflowError:
            self._packed = None  # each call for itself, then

    async def copy(
        self, db: Connection, calls: Mapping[Place, History]
    ) -> tuple[int, list[Refused]]:
        """Copy the rows of these calls, which are all that were added. In a transaction of the
        caller's. Returns how many, and the refused.

        A call whose rows PostgreSQL refuses is copied as it was before the message that made them
        so.
        """
        if self._packed is not None:
            try:
                async with db.transaction():  # a savepoint
                    return await self._send(db, self._packed), []
            except _REFUSED:
                pass  # some row of some call: each for itself
        self._packed = None
        return await self._copy_each(db, calls)

    async def _copy_each(
        self, db: Connection, calls: Mapping[Place, History]
    ) -> tuple[int, list[Refused]]:
        copied, refused = 0, []
        readers = Readers([self._generation.projection])
        for place, history in calls.items():
            messages = await history()
            fold, _ = folded_as_taken(place, readers, messages)
            done = await self._copied(db, fold)
            if done is None:
                last, each = await self._before_refusal(db, fold, messages)
                refused.append(each)
                done = await self._copy(db, last)
            copied += done
        return copied, refused

    async def _copied(self, db: Connection, fold: CallFold) -> int | None:
        """None: refused. Where some text has a NUL, another sign takes its place."""
        for once_more in (True, False):
            try:
                async with db.transaction():
                    return await self._copy(db, fold)
            except _REFUSED:
                if once_more and (rows := fold.rows_of(self._generation.projection)):
                    without_nul(rows)
        return None

    async def _before_refusal(
        self, db: Connection, fold: CallFold, messages: Iterable[Stored]
    ) -> tuple[CallFold, Refused]:
        before = CallFold(fold.place, fold.readers)
        for stored in messages:
            until = [each for each in messages if each.sequence <= stored.sequence]
            after, _ = folded(fold.place, fold.readers, until)
            if kind := await self._refusal(db, after):
                name = self._generation.name
                return before, Refused(name, fold.place, stored.sequence, kind)
            before = after
        raise AssertionError("rows that were refused are taken")

    async def _refusal(self, db: Connection, fold: CallFold) -> str:
        """The kind of error; empty: none. What is copied is put back."""
        if rows := fold.rows_of(self._generation.projection):
            without_nul(rows)
        attempt = db.transaction()
        await attempt.start()
        try:
            await self._copy(db, fold)
            return ""
        except _REFUSED as refused:
            return type(refused).__name__
        finally:
            await attempt.rollback()

    async def _copy(self, db: Connection, fold: CallFold) -> int:
        packed = self._none_packed()
        packed.add(fold)
        return await self._send(db, packed)

    async def _send(self, db: Connection, packed: Packed) -> int:
        for table in self._generation.projection.tables:
            rows = packed.tables[table.name]
            if rows.count:
                await db.copy_to_table(
                    table.name,
                    schema_name=self._generation.schema,
                    columns=table.row.__struct_fields__,
                    source=_in_turn(rows.pieces()),
                    format="binary",
                )
        return sum(each.count for each in packed.tables.values())

    def _none_packed(self) -> Packed:
        return Packed(self._generation.projection, self._columns)


async def columns_in(db: Connection, generation: Generation) -> dict[str, list[Column]]:
    """How each table's rows are packed, by the types that its columns have in the database."""
    found = {}
    for table in generation.projection.tables:
        query = f"SELECT {columns(table.row)} FROM {generation.schema}.{table.name}"
        attributes = (await db.prepare(query)).get_attributes()
        found[table.name] = columns_of([each.type.name for each in attributes])
    return found


async def _in_turn(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
