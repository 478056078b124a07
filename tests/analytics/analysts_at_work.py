"""Analysts of the two companies, and what they try."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import asyncpg
from seeded_calls import OURS, THEIRS

from contracts.ids import TenantId
from infra.postgres import Pool
from projections.views import analysts
from projections.views.making import definitions

VIEWS = tuple(definitions())


def name_for(tenant: TenantId) -> str:
    """Roles are the whole server's, which the tests share."""
    return f"analyst_{tenant}_{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def added(pool: Pool) -> AsyncIterator[tuple[str, str]]:
    """An analyst of ours and one of theirs."""
    names = name_for(OURS), name_for(THEIRS)
    for name, tenant in zip(names, (OURS, THEIRS), strict=True):
        await analysts.add(pool, name, tenant, "a password")
    try:
        yield names
    finally:
        for name in names:
            await analysts.remove(pool, name)


def dsn_of(dsn: str, role: str) -> str:
    """The same database, with another role logged in."""
    return dsn.replace("postgresql://postgres@", f"postgresql://{quote(role)}@")


async def refusal(db: asyncpg.Connection, statement: str) -> str:
    """The name of what PostgreSQL answers to a statement it must refuse."""
    try:
        async with db.transaction():
            await db.execute(statement)
    except asyncpg.PostgresError as refused:
        return type(refused).__name__
    return "it was done"
