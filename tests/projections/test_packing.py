"""Rows as bytes for COPY: PostgreSQL reads from them what went in, or nothing is sent."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from librt.strings import BytesWriter

from infra.postgres import Pool, since_2000
from projections.rebuild.columns import Column, columns_of
from projections.rebuild.packing import PackedTable

pytestmark = pytest.mark.stack
TYPES = ("text", "int4", "int8", "float8", "bool", "timestamptz", "jsonb", "text[]")
AT = datetime(2026, 7, 31, 23, 59, 59, 999_999, tzinfo=UTC)
GIVEN = ("zwölf", -(2**31), 2**63 - 1, 0.1, True, since_2000(AT), {"a": [None]}, ["é", ""])
READ = ("zwölf", -(2**31), 2**63 - 1, 0.1, True, AT, {"a": [None]}, ["é", ""])


class Row(msgspec.Struct):
    """A column of each type."""

    a: Any = None
    b: Any = None
    c: Any = None
    d: Any = None
    e: Any = None
    f: Any = None
    g: Any = None
    h: Any = None


async def copied(pool: Pool, types: Iterable[str], *rows: Row) -> list[tuple[Any, ...]]:
    """What a table with columns of these types holds after it was given packed rows."""
    packed = PackedTable(columns_of(TYPES))
    for row in rows:
        packed.add(row)
    columns = ", ".join(f"{name} {type}" for name, type in zip("abcdefgh", types, strict=True))
    async with pool.acquire() as db:
        await db.execute(f"CREATE TEMPORARY TABLE packed ({columns})")
        try:
            await db.copy_to_table("packed", source=in_turn(packed.pieces()), format="binary")
            return [tuple(row) for row in await db.fetch("SELECT * FROM packed")]
        finally:
            await db.execute("DROP TABLE packed")


async def in_turn(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_postgresql_reads_what_was_packed(pool: Pool) -> None:
    rows = [Row(*GIVEN), Row(), Row(*GIVEN)]
    assert await copied(pool, TYPES, *rows) == [READ, (None,) * 8, READ]


async def test_what_is_as_good_is_packed_as_well(pool: Pool) -> None:
    (row,) = await copied(
        pool, TYPES, Row(b=True, d=3, g=msgspec.Raw(b'{"a": 1}'), h=("in", "a tuple"))
    )
    assert row == (None, 1, None, 3.0, None, None, {"a": 1}, ["in", "a tuple"])
    assert await copied(pool, TYPES, Row(h=[])) == [(*(None,) * 7, [])]


async def test_rows_that_fill_several_pieces_arrive_whole_and_in_order(pool: Pool) -> None:
    rows = [Row(a=str(n) * 1_000, b=n) for n in range(1_000)]
    read = await copied(pool, TYPES, *rows)
    assert [row[:2] for row in read] == [(row.a, row.b) for row in rows]


async def test_columns_of_other_types_than_were_packed_take_nothing(pool: Pool) -> None:
    others = ("text", "int8", *TYPES[2:])
    with pytest.raises(asyncpg.PostgresError):
        await copied(pool, others, Row(*GIVEN))


async def test_nul_and_a_time_out_of_range_are_postgresqls_to_refuse(pool: Pool) -> None:
    for row in (Row(a="a\0b"), Row(f=2**63 - 2), Row(g=["a\0b"]), Row(h=["a\0b"])):
        with pytest.raises(asyncpg.DataError):
            await copied(pool, TYPES, row)


@pytest.mark.parametrize(
    ("type", "number"),
    [("int4", 2**31), ("int4", -(2**31) - 1), ("int8", 2**63), ("int8", -(2**70))],
)
def test_a_number_too_large_is_not_packed(type: str, number: int) -> None:
    with pytest.raises(OverflowError):
        column(type).add(number, BytesWriter())


@pytest.mark.parametrize(
    ("type", "value"),
    [
        *(("text", 1), ("text", b"a"), ("int4", "1"), ("int4", 1.0), ("int8", 1.0), ("bool", 1)),
        *(("float8", "1"), ("timestamptz", AT), ("text[]", "ab"), ("text[]", [None])),
    ],
)
def test_a_value_of_another_type_than_its_column_is_an_error(type: str, value: Any) -> None:
    with pytest.raises(TypeError):
        column(type).add(value, BytesWriter())


def test_a_column_of_a_type_that_no_row_has_is_an_error() -> None:
    with pytest.raises(KeyError, match="numeric"):
        columns_of(["numeric"])


def column(type: str) -> Column:
    (found,) = columns_of([type])
    return found
