"""Analysts: roles in PostgreSQL that read the views, and each of them one tenant's rows."""

import re
import secrets
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from contracts.ids import TenantId
from infra.postgres import Connection, Pool
from infra.scram import verifier
from projections.rows import as_structs, columns
from projections.views.guarding import ANALYSTS, build_wall

_NAME: Final = re.compile(r"(?!pg_|partyline_)[a-z_][a-z0-9_]{0,62}")
_CONNECTIONS: Final = 10  # of one analyst at a time: the projections need some themselves
_PASSWORD_BYTES: Final = 24
# What any role may do in any database, unless somebody takes it away. The locks are those by which
# processes of ours agree who changes tables.
_OF_EVERYBODY: Final = (
    "lo_creat(int)",
    "lo_create(oid)",
    "lo_from_bytea(oid, bytea)",
    "lo_put(oid, bigint, bytea)",
    "lo_open(oid, int)",
    "lo_unlink(oid)",
    *(
        f"{name}({key})"
        for name in (
            *("pg_advisory_lock", "pg_advisory_xact_lock", "pg_try_advisory_lock"),
            *("pg_try_advisory_xact_lock", "pg_advisory_lock_shared"),
            *("pg_advisory_xact_lock_shared", "pg_try_advisory_lock_shared"),
            "pg_try_advisory_xact_lock_shared",
        )
        for key in ("bigint", "int, int")
    ),
)
_HABITS: Final = (  # against mistakes; an analyst can set them otherwise
    "default_transaction_read_only = on",
    "statement_timeout = '5min'",
    "idle_in_transaction_session_timeout = '1min'",
)


class Refused(Exception):
    """An analyst who cannot be added or removed. Says what to do."""


class Analyst(msgspec.Struct, frozen=True, kw_only=True):
    """A row of analyst_tenants."""

    role: str
    tenant: str
    added_at: datetime


_OWNER: Final = (
    "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'public.analyst_tenants'::regclass"
)
_ALL: Final = f"SELECT {columns(Analyst)} FROM public.analyst_tenants ORDER BY role"


def new_password() -> str:
    """One that nobody guesses."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


async def add(pool: Pool, name: str, tenant: TenantId, password: str) -> None:
    """Make a role that can log in and read the views of one tenant, and nothing else.

    Args:   password: printable ASCII; only its SCRAM verifier is sent to the server.
    Raises: Refused, and nothing is changed.
    """
    if not _NAME.fullmatch(name):
        raise Refused(
            f"An analyst's name is of a to z, 0 to 9 and _, 63 at most, not {name!r}; and it begins"
            " with neither pg_ nor partyline_."
        )
    async with pool.acquire() as db, db.transaction():
        if not await build_wall(db):
            raise Refused(_MAY_NOT)
        await _refuse_a_known(db, name)
        await _close_to_everybody(db)
        try:
            await db.execute(
                f'CREATE ROLE "{name}" LOGIN CONNECTION LIMIT {_CONNECTIONS}'
                f" PASSWORD '{verifier(password)}'"
            )
            await db.execute(f'GRANT {ANALYSTS} TO "{name}" WITH INHERIT TRUE, SET FALSE')
        except asyncpg.InsufficientPrivilegeError:
            raise Refused(_MAY_NOT) from None
        for habit in _HABITS:
            await db.execute(f'ALTER ROLE "{name}" SET {habit}')
        await db.execute("INSERT INTO public.analyst_tenants VALUES ($1, $2)", name, tenant)


_MAY_NOT: Final = (
    "This user of PostgreSQL may not create roles. Give it that right, as a superuser:"
    " ALTER ROLE ... CREATEROLE"
)


async def all_of(pool: Pool) -> tuple[Analyst, ...]:
    """Every analyst of this database, by name."""
    try:
        return as_structs(await pool.fetch(_ALL), Analyst)
    except asyncpg.UndefinedTableError:  # nobody has ever made the views
        return ()


async def remove(pool: Pool, name: str) -> None:
    """Drop the role and end its sessions. Raises Refused when there is no such analyst."""
    # First by itself: a session that goes on until it is ended reads nothing from now on.
    try:
        gone = await pool.execute("DELETE FROM public.analyst_tenants WHERE role = $1", name)
    except asyncpg.UndefinedTableError:
        gone = "DELETE 0"
    if gone == "DELETE 0":
        raise Refused(f"There is no analyst {name!r}: 'partyline analysts list' shows all.")
    role = await pool.fetchval("SELECT quote_ident($1)", name)
    await pool.execute(f"ALTER ROLE {role} NOLOGIN")
    await pool.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1", name
    )
    try:
        await pool.execute(f"DROP ROLE {role}")
    except asyncpg.DependentObjectsStillExistError:
        raise Refused(
            f"{name} reads nothing and cannot log in any more, but the role owns something, perhaps"
            f" in another database. There: DROP OWNED BY {role}; DROP ROLE {role};"
        ) from None


async def _refuse_a_known(db: Connection, name: str) -> None:
    if await db.fetchval("SELECT true FROM public.analyst_tenants WHERE role = $1", name):
        raise Refused(f"{name} is an analyst already. To change the tenant: remove, and add again.")
    if await db.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        raise Refused(f"PostgreSQL has a role {name} for something else. Take another name.")


async def _close_to_everybody(db: Connection) -> None:
    """Take from PUBLIC what is no reading, as far as this user of PostgreSQL may."""
    database = await db.fetchval("SELECT quote_ident(current_database())")
    await db.execute(f"REVOKE TEMPORARY, CREATE ON DATABASE {database} FROM PUBLIC")
    await db.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    if not await db.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        return
    for function in _OF_EVERYBODY:
        if await db.fetchval(
            "SELECT has_function_privilege($1, $2, 'EXECUTE')", ANALYSTS, function
        ):
            await db.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
