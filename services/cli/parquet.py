"""Rows of PostgreSQL as a Parquet file, a group of rows at a time. Needs pyarrow."""

import re
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from infra.postgres import Connection
from services.cli.export_progress import Column, Progress

_GROUP_ROWS: Final = 20_000
_AT_ONCE: Final = 1_000  # rows asked of the server
_TYPES: Final = {
    "text": pa.string(),
    "name": pa.string(),
    "jsonb": pa.string(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "_text": pa.list_(pa.string()),
}
_NUMERIC: Final = re.compile(r"numeric\((\d+),(\d+)\)")


async def write_parquet(
    db: Connection,
    columns: "Sequence[Column]",
    query: str,
    values: Sequence[Any],
    file: BinaryIO,
    progress: "Progress",
) -> int:
    """Write what the query gives, in the order of `columns`. Returns how many rows that were."""
    schema = pa.schema([(column.name, _type(column)) for column in columns])
    rows, group = 0, []
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        async for row in db.cursor(query, *values, prefetch=_AT_ONCE):
            group.append(row)
            if len(group) == _GROUP_ROWS:
                rows += _write(writer, schema, group)
                progress.wrote(file.tell() - progress.written_bytes)
                group = []
        if group:
            rows += _write(writer, schema, group)
    progress.wrote(file.tell() - progress.written_bytes)
    return rows


def _write(writer: Any, schema: Any, group: list[Any]) -> int:
    cells = zip(*group, strict=True)
    arrays = [pa.array(column, type) for column, type in zip(cells, schema.types, strict=True)]
    writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return len(group)


def _type(column: "Column") -> Any:
    if exact := _NUMERIC.fullmatch(column.in_full):
        return pa.decimal128(int(exact[1]), int(exact[2]))
    if column.type == "numeric":
        return pa.float64()
    return _TYPES[column.type]
