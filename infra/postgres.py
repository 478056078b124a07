"""PostgreSQL as we use it: a pool, and which of its errors mean what."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec
from asyncpg.exceptions import _base

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,  # the client's word for a connection that is gone; see REFUSED
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up
    asyncpg.InsufficientResourcesError,  # disk or memory full, too many connections
    asyncpg.TransactionRollbackError,  # a deadlock: this transaction had to give way
    asyncpg.ReadOnlySQLTransactionError,  # this server is a standby just now
    asyncpg.PostgresIOError,
)
"""The same statement may succeed later."""

REFUSED: Final = (
    asyncpg.DataError,  # NUL in a text, a time out of range
    _base.DataError,  # found by the client: a number too large. It is an InterfaceError as well
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""The same values will be refused again. To be asked for before AWAY."""

_COMMAND_S: Final = 30.0
_RETRY_S: Final = 0.1
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # from which PostgreSQL counts
_MICROSECOND: Final = timedelta(microseconds=1)


class PostgresUnavailable(Exception):
    """No PostgreSQL server answered. Start one, or check the address given."""


async def connect_pool(
    dsn: str,
    *,
    wait_s: float = 10.0,
    size: int = 10,
    command_s: float = _COMMAND_S,
) -> Pool:
    """A pool whose connections read and write jsonb as Python values, and take a timestamptz as a
    datetime or as PostgreSQL keeps it, in microseconds since 2000. The caller closes it.

    Args:   dsn: postgresql://user@/database?host=/socket/folder, or with a host and port.
            size: connections at most; they are opened when first needed.
            command_s: within which a statement must be done; 0: no limit.
    Raises: PostgresUnavailable when no server answered within `wait_s`.
    """
    pool = await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        init=_set_up,
        command_timeout=command_s or None,
        timeout=5,
    )
    deadline_s = time.monotonic() + wait_s
    while (failure := await _unanswered(pool)) is not None:
        if time.monotonic() >= deadline_s:
            await pool.close()
            raise PostgresUnavailable(f"PostgreSQL did not answer: {type(failure).__name__}")
        await asyncio.sleep(_RETRY_S)
    return pool


async def _unanswered(pool: Pool) -> Exception | None:
    try:
        await pool.execute("SELECT")
    except AWAY as away:
        return away
    except asyncpg.PostgresError as refused:  # no such database, wrong password: no use to wait
        await pool.close()
        raise PostgresUnavailable(f"PostgreSQL refused: {type(refused).__name__}") from None
    return None


async def _set_up(db: Connection) -> None:
    await db.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_to_jsonb, decoder=_from_jsonb, format="binary"
    )
    await db.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=_to_timestamptz,
        decoder=_from_timestamptz,
        format="binary",
    )


def _to_jsonb(value: Any) -> bytes:
    return b"\x01" + msgspec.json.encode(value)  # 1: the version of jsonb's binary form


def _from_jsonb(stored: bytes) -> Any:
    return msgspec.json.decode(stored[1:])


def since_2000(at: datetime) -> int:
    """A timestamptz as PostgreSQL keeps it: microseconds since 2000."""
    return (at - EPOCH) // _MICROSECOND


def _to_timestamptz(at: datetime | int) -> bytes:
    since = at if isinstance(at, int) else since_2000(at)
    return since.to_bytes(8, "big", signed=True)


def _from_timestamptz(stored: bytes) -> datetime:
    return EPOCH + int.from_bytes(stored, "big", signed=True) * _MICROSECOND
