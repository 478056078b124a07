"""The pool projections and their readers share."""

from pathlib import Path

import pytest

from infra.postgres import Pool, PostgresUnavailable, connect_pool

pytestmark = pytest.mark.stack


async def test_json_goes_in_and_comes_out_as_values(pool: Pool) -> None:
    value = {"slots": ["monday", 3, None, 0.5], "ü": {"nested": True}}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value


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
