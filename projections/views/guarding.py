"""The wall between tenants, below all views.

The views are the property of a role that nobody logs in as and that owns no table, so row-level
security holds for whatever they read. Analysts have no right to any table: only to the views.
"""

import hashlib
import logging
from importlib.resources import files
from typing import Final

import asyncpg

from infra.postgres import Connection
from projections.generations import Generation

VIEWS: Final = "partyline_views"
"""Role that owns the views for analysts. It cannot log in."""
ANALYSTS: Final = "partyline_analysts"
"""Role of which every analyst is a member: it may read the views."""

_log: Final = logging.getLogger("partyline.projections")
_KNOWN: Final = "SELECT to_regclass('public.reader') IS NOT NULL"
_MADE: Final = "SELECT sha256 FROM public.views_made WHERE name = $1"
_REMEMBER: Final = (
    "INSERT INTO public.views_made (name, sha256) VALUES ($1, $2)"
    " ON CONFLICT (name) DO UPDATE SET sha256 = EXCLUDED.sha256"
)
_ROLE: Final = "SELECT true FROM pg_roles WHERE rolname = $1"
_ACTS_AS: Final = "SELECT pg_has_role(current_user, $1::name, 'SET')"
_PERSONAL: Final = (
    "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = $1::text::regclass"
    " AND attnum > 0 AND NOT attisdropped"
    " AND col_description(attrelid, attnum) LIKE 'Personal data.%'"
)
_STANDS: Final = "SELECT relrowsecurity FROM pg_class WHERE oid = $1::text::regclass"
_EVERY: Final = "(SELECT r.every_tenant FROM public.reader AS r)"
_ITS_OWN: Final = f"tenant = (SELECT r.tenant FROM public.reader AS r) OR {_EVERY}"


async def guard(db: Connection, generation: Generation) -> None:
    """Let each tenant's rows be read by its own analysts alone. In a transaction of the caller's.

    Once, when the tables are made. Their owner reads and writes them as before.
    """
    roles = await build_wall(db)
    for table in generation.projection.tables:
        await guard_table(db, generation.schema, table.name, roles=roles)


async def guard_table(db: Connection, schema: str, name: str, *, roles: bool) -> None:
    """The same for one table, unless it is guarded. `roles`: what `build_wall` returned."""
    table = f"{schema}.{name}"
    if not await db.fetchval(_STANDS, table):
        # What the planner knows of a column it tells everybody by its estimates, and it would keep
        # words that were erased since.
        for column in await db.fetch(_PERSONAL, table):
            await db.execute(f"ALTER TABLE {table} ALTER COLUMN {column[0]} SET STATISTICS 0")
        await db.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        await db.execute(f"CREATE POLICY own_tenant ON {table} FOR SELECT USING ({_ITS_OWN})")
        await db.execute(
            f"CREATE POLICY owner ON {table} TO CURRENT_USER USING ({_EVERY}) WITH CHECK ({_EVERY})"
        )
    if roles:
        await let_views_read(db, schema, name)


async def let_views_read(db: Connection, schema: str, name: str) -> None:
    """Give the views' owner the right to a table, where it has not got it."""
    if not await db.fetchval(f"SELECT has_schema_privilege('{VIEWS}', $1, 'USAGE')", schema):
        await db.execute(f"GRANT USAGE ON SCHEMA {schema} TO {VIEWS}")
    table = f"{schema}.{name}"
    if not await db.fetchval(f"SELECT has_table_privilege('{VIEWS}', $1, 'SELECT')", table):
        await db.execute(f"GRANT SELECT ON {table} TO {VIEWS}")


async def build_wall(db: Connection) -> bool:
    """Make what policies ask, and whom rights are given to. In a transaction of the caller's.

    Returns: whether the roles are there; else nobody but the owner can read the views.
    """
    definition = files("projections.views").joinpath("wall.sql").read_text("utf-8")
    if not await made_from(db, "reader", sha256 := digest(definition)):
        await db.execute(definition)
        await remember(db, "reader", sha256)
    for role in (VIEWS, ANALYSTS):
        if not await db.fetchval(_ROLE, role) and not await _make_role(db, role):
            return False
    if not await db.fetchval(_ACTS_AS, VIEWS):
        return False
    if not await db.fetchval(f"SELECT has_schema_privilege('{VIEWS}', 'public', 'CREATE')"):
        await db.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {VIEWS}")
    await let_views_read(db, "public", "reader")
    return True


async def made_from(db: Connection, name: str, sha256: str) -> bool:
    """Whether the view is there, and made from just this."""
    if not await db.fetchval(_KNOWN):
        return False
    there = await db.fetchval("SELECT to_regclass('public.' || $1) IS NOT NULL", name)
    return bool(there) and await db.fetchval(_MADE, name) == sha256


async def remember(db: Connection, name: str, sha256: str) -> None:
    """What the view is made from now."""
    await db.execute(_REMEMBER, name, sha256)


def digest(*parts: str) -> str:
    """SHA-256 of texts, hexadecimal."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


async def _make_role(db: Connection, role: str) -> bool:
    """It is the whole server's: another database of it may make it at this moment, too."""
    try:
        async with db.transaction():  # a savepoint
            await db.execute(f"CREATE ROLE {role} NOLOGIN")
            if not await db.fetchval(_ACTS_AS, role):  # its maker may not yet act as it
                await db.execute(f"GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        return True
    except asyncpg.InsufficientPrivilegeError:
        _log.info("no analysts: this user of PostgreSQL may not create the role %s", role)
        return False
    return True
