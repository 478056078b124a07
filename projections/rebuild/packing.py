"""Rows as binary COPY takes them: https://www.postgresql.org/docs/current/sql-copy.html."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
from librt.strings import BytesWriter, write_i16_be, write_i32_be

from projections.call_fold import CallFold
from projections.projection import Projection
from projections.rebuild.columns import Column

Columns: TypeAlias = Mapping[str, Sequence[Column]]
"""Of each table, in the order of its rows' fields."""

_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_PIECE_BYTES: Final = 512 * 1024
_astuple: Final = msgspec.structs.astuple


class PackedTable:
    """Rows of one table."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = list(columns)
        self._pieces: list[bytes] = []
        self._out = BytesWriter()
        self._out.write(_BEGIN)
        self.count = 0

    def add(self, row: msgspec.Struct) -> None:
        """Raises: OverflowError; then they are of no use any more."""
        values: tuple[object, ...] = _astuple(row)
        out, columns = self._out, self._columns
        write_i16_be(out, len(values))
        for place, value in enumerate(values):
            if value is None:
                write_i32_be(out, -1)
            else:
                columns[place].add(value, out)
        self.count += 1
        if len(out) >= _PIECE_BYTES:
            self._pieces.append(out.getvalue())
            out.truncate(0)

    def pieces(self) -> list[bytes]:
        """All of it, in turn. Then there is no row more to come."""
        write_i16_be(self._out, -1)
        return [*self._pieces, self._out.getvalue()]


class Packed:
    """Rows of one projection."""

    def __init__(self, projection: Projection, columns: Columns) -> None:
        self._projection = projection
        self.tables = {t.name: PackedTable(columns[t.name]) for t in projection.tables}
        self._by_type = {t.row: self.tables[t.name] for t in projection.tables}

    def add(self, fold: CallFold) -> None:
        """All of a call's. Raises: OverflowError; then they are of no use any more."""
        rows = fold.rows_of(self._projection)
        if rows is None:
            return
        for row in rows.news:
            table = self._by_type.get(type(row))
            if table is not None:  # else it is a note
                table.add(row)
