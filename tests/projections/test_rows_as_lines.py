"""A rebuild copies rows as lines of text: what comes out is what went in, whatever was said."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest

from infra.postgres import REFUSED, Pool
from projections.rebuild.lines import FORMAT, lines

pytestmark = pytest.mark.stack

SAID = (
    *("", "null", "NULL", "plain", "a,b", "it's", 'she said "no"', '\\"', "{}", "{a,b}"),
    *("back\\slash", "\\\\", "\\n is no line feed", "\\u0041 is no A", "ends with \\"),
    *("two\nlines", "\r\n", "\ttab", "\b\f\x01\x1f\x7f", "]\n[", '"]\n["', "\\.", "\n\\.\n"),
    *("grüß dich", "你好", "😀", "\u2028", '\\\n"', "\\\\n"),
)
TABLE = """
    CREATE TEMP TABLE odd (
        number int, text text, detail jsonb, words text[],
        at timestamptz, sure boolean, share double precision, missing bigint
    )
"""


class Odd(msgspec.Struct):
    number: int
    text: str | None
    detail: dict[str, Any] | None
    words: list[str]
    at: datetime | None = None
    sure: bool = True
    share: float = 0.1
    missing: int | None = None


def odd(number: int, text: str) -> Odd:
    return Odd(
        number=number,
        text=text,
        detail={"text": text, "deep": {text: [text, None, 0.5]}} if number % 3 else None,
        words=[text, text[::-1]] * (number % 2),
        at=datetime(2026, 1, 2, 3, 4, 5, number, UTC) if number % 4 else None,
        sure=number % 2 == 0,
        share=number / 7,
        missing=1 << 40 if number % 5 else None,
    )


async def copied(pool: Pool, rows: list[Odd]) -> list[tuple[Any, ...]]:
    async with pool.acquire() as db, db.transaction():
        await db.execute(TABLE)
        columns = Odd.__struct_fields__
        await db.copy_to_table("odd", columns=columns, source=lines(Odd, rows), **FORMAT)
        found = await db.fetch("SELECT * FROM odd ORDER BY number")
        await db.execute("DROP TABLE odd")
    return [tuple(each) for each in found]


async def test_whatever_was_said_comes_out_as_it_went_in(pool: Pool) -> None:
    rows = [odd(number, text) for number, text in enumerate(SAID * 30)]
    assert await copied(pool, rows) == [msgspec.structs.astuple(row) for row in rows]


async def test_what_postgresql_takes_in_no_text_is_refused(pool: Pool) -> None:
    with pytest.raises(asyncpg.CharacterNotInRepertoireError) as refused:
        await copied(pool, [odd(1, "before"), odd(2, "a\x00b")])
    assert isinstance(refused.value, REFUSED)
