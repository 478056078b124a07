"""partyline export: the rows of a view that are one tenant's, as CSV or Parquet.

They are sent on as they come, so memory does not grow with their number.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from infra.postgres import AWAY, Connection, connect_pool
from projections.views.making import definitions
from services.cli.export_progress import Column, Progress
from services.cli.places import find
from services.cli.replacing import replacing
from services.cli.settings import Settings

Form = Literal["csv", "parquet"]

_COLUMNS: Final = (
    "SELECT a.attname AS name, t.typname AS type,"
    " format_type(a.atttypid, a.atttypmod) AS in_full"
    " FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid"
    " WHERE a.attrelid = to_regclass('public.' || $1) AND a.attnum > 0 AND NOT a.attisdropped"
    " AND t.typname <> 'tsvector' ORDER BY a.attnum"
)


class CannotExport(Exception):
    """Says what to do."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    view: str
    tenant: str
    since: datetime | None
    until: datetime | None  # not included


def moment_of(given: str | None) -> datetime | None:
    """A day or a time in ISO 8601; what has no zone is UTC. Raises CannotExport."""
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise CannotExport(f"{given!r} is no day, such as 2026-03-31, and no time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def known_view(name: str) -> str:
    """The view. Raises CannotExport, which names all."""
    if name not in definitions():
        raise CannotExport(
            f"There is no view {name!r}. There are {', '.join(sorted(definitions()))}."
        )
    return name


async def export(settings: Settings, rows: Rows, form: Form, to: Path | None) -> int:
    """Write them to a file, or CSV to the output. Exit code 0; 1 when the reader of it went away.

    Raises: CannotExport; OSError; and leaves no file then.
    """
    if form == "parquet":
        _need_pyarrow()
        if to is None:
            raise CannotExport("Parquet is written to a file: name it with -o FILE.")
    progress = Progress(rows.view)
    try:
        async with _reading(find(settings, "postgres").postgres) as db:
            found = await _export(db, rows, form, to, progress)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except AWAY as away:
        if isinstance(away, OSError) and not isinstance(away, ConnectionError | TimeoutError):
            raise
        raise CannotExport(
            f"PostgreSQL went away: {type(away).__name__}. No file is left."
        ) from None
    progress.done(found, str(to or "output"))
    return 0


@asynccontextmanager
async def _reading(dsn: str) -> AsyncIterator[Connection]:
    """All of one moment, however long it takes to read."""
    async with AsyncExitStack() as opened:
        pool = await connect_pool(dsn, size=1, command_s=0)
        opened.push_async_callback(pool.close)
        db = await opened.enter_async_context(pool.acquire())
        await opened.enter_async_context(db.transaction(isolation="repeatable_read", readonly=True))
        await db.execute("SET LOCAL TIME ZONE 'UTC'")
        yield db


async def _export(
    db: Connection, rows: Rows, form: Form, to: Path | None, progress: Progress
) -> int:
    columns = [msgspec.convert(dict(row), Column) for row in await db.fetch(_COLUMNS, rows.view)]
    if not columns:
        raise CannotExport(
            f"{rows.view} is not there yet: the projections make it when they start, in"
            " 'partyline up'."
        )
    if to is None:
        return await _csv(db, columns, rows, sys.stdout.buffer, progress)
    with replacing(to) as file:
        if form == "csv":
            return await _csv(db, columns, rows, file, progress)
        from services.cli.parquet import write_parquet

        query, values = _query(columns, rows, as_parquet=True)
        return await write_parquet(db, columns, query, values, file, progress)


async def _csv(
    db: Connection, columns: list[Column], rows: Rows, file: BinaryIO, progress: Progress
) -> int:
    async def write(data: bytes) -> None:
        file.write(data)
        progress.wrote(len(data))

    query, values = _query(columns, rows, as_parquet=False)
    done = await db.copy_from_query(query, *values, output=write, format="csv", header=True)
    file.flush()
    return int(done.rpartition(" ")[2])  # "COPY 12"


def _query(
    columns: list[Column], rows: Rows, *, as_parquet: bool
) -> tuple[str, list[str | datetime]]:
    """The view's first column of time is the one that since and until are about."""
    when = next(c for c in columns if c.type in ("timestamptz", "date"))
    values: list[str | datetime] = [rows.tenant]
    conditions = ["tenant = $1"]
    for bound, sign in ((rows.since, ">="), (rows.until, "<")):
        if bound is not None:
            values.append(bound)
            place = f"${len(values)}::timestamptz"
            of = f"({place} AT TIME ZONE 'UTC')" if when.type == "date" else place
            conditions.append(f"{when.name} {sign} {of}")
    cells = ", ".join(_cell(column) if as_parquet else column.name for column in columns)
    return (
        f"SELECT {cells} FROM public.{rows.view} WHERE {' AND '.join(conditions)}"
        f" ORDER BY {rows.view}.{when.name}",
        values,
    )


def _cell(column: Column) -> str:
    """As Parquet has a type for it."""
    if column.type == "jsonb":
        return f"{column.name}::text"
    if column.in_full == "numeric":
        return f"{column.name}::double precision"
    return column.name


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise CannotExport(
            "Parquet needs pyarrow: pip install 'partyline[parquet]', or 'uv sync --extra parquet'"
            " in a clone. CSV needs nothing: --csv."
        ) from None


__all__ = ["CannotExport", "Form", "Rows", "export", "known_view", "moment_of"]
