"""The pool projections and their readers share."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.postgres import REFUSED, Pool, PostgresUnavailable, connect_pool

pytestmark = pytest.mark.stack


async def test_json_goes_in_and_comes_out_as_values(pool: Pool) -> None:
    value = {"slots": ["monday", 3, None, 0.5], "ü": {"nested": True}}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value


@pytest.mark.parametrize("year", [1, 1969, 2000, 2026, 9999])
async def test_a_time_goes_in_as_a_datetime_or_as_microseconds_since_2000(
    pool: Pool, year: int
) -> None:
    time = datetime(year, 7, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    since_2000 = (time - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    said = (
        "SELECT $1::timestamptz, to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY HH24:MI:SS.US')"
    )
    expected = (time, f"{year:04} 23:59:59.999999")
    assert tuple(await pool.fetchrow(said, time) or ()) == expected
    assert tuple(await pool.fetchrow(said, since_2000) or ()) == expected


async def test_a_time_without_a_zone_is_refused(pool: Pool) -> None:
    with pytest.raises(REFUSED):
        await pool.fetchval("SELECT $1::timestamptz", datetime(2026, 3, 31))


async def test_without_a_server_it_says_so_and_not_with_what_password(tmp_path: Path) -> None:
    for dsn in (
        f"postgresql://postgres:secret@/partyline?host={tmp_path}",
        "postgresql://postgres:secret@127.0.0.1:9/partyline",
    ):
        with pytest.raises(PostgresUnavailable, match="did not answer") as unavailable:
            await connect_pool(dsn, wait_s=0.2)
        assert "secret" not in str(unavailable.value)


async def test_a_database_that_is_not_there_is_not_waited_for(postgres_dsn: str) -> None:
    elsewhere = postgres_dsn.replace("/test_", "/no_such_")
    with pytest.raises(PostgresUnavailable, match="InvalidCatalogNameError"):
        await connect_pool(elsewhere, wait_s=60)
