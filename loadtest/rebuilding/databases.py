"""Databases of a benchmark's own, empty when they are taken."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from infra.postgres import Pool


def named(dsn: str, database: str) -> str:
    """The same server's other database."""
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


@asynccontextmanager
async def fresh(
    pool: Pool, dsn: str, database: str, options: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """A new database for the block, and where it is. What one of this name held is dropped.

    What earlier work has left to be written to disk is written before, so that nobody pays for it.
    """
    await pool.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    await pool.execute(f"CREATE DATABASE {database}")
    for name, value in (options or {}).items():
        await pool.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")
    await pool.execute("CHECKPOINT")
    try:
        yield named(dsn, database)
    finally:
        await pool.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
