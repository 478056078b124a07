"""The tables against a fold of the log: the same projections, in tables of a moment's own."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final, NamedTuple, TypeAlias

import asyncpg
import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Connection, Pool
from projections import PROJECTIONS
from projections.projection import Projection
from projections.reading import Stored
from projections.storing import store

_BATCH: Final = 500  # messages stored at once
_OF_ITS_MOMENT: Final = frozenset({"visible_at", "row_ms"})  # when the row was written

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = dict[tuple[Any, ...], Row]  # by primary key without the tenant; the call first


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not what the log makes of it. Never tells what the row holds."""

    call: CallId
    table: str
    key: str  # the row's, within its call
    what: str  # "is missing", "should not be there", or the columns that differ


class Halted(msgspec.Struct, frozen=True, kw_only=True):
    """A call that a projection does not follow from one of its messages on."""

    call: CallId
    projection: str
    sequence: int  # of the message it could not take
    error: str  # its kind
    parked: bool = True  # false: the message is refused now, and yet the call is followed


class Remembered(NamedTuple):
    """What the tables of one projection held of some calls at one moment."""

    projection: Projection
    position: int  # stream sequence up to which it had read the log; -1: it never ran
    rows: dict[str, Rows]  # by table
    parked: dict[CallId, Halted]


async def remembered(
    pool: Pool,
    tenant: TenantId,
    calls: Sequence[CallId],
    projections: Iterable[Projection] = PROJECTIONS,
) -> list[Remembered]:
    """What they hold now. Read the log after this: then it holds all that they were made of."""
    async with pool.acquire() as db:
        return [await _at_one_moment(db, each, tenant, calls) for each in projections]


async def compare(
    pool: Pool, live: Remembered, tenant: TenantId, stored: Mapping[CallId, Sequence[Stored]]
) -> list[Difference | Halted]:
    """What one projection's tables held, against what it makes of the calls' messages.

    Messages behind its position are left out: it has yet to come to them. So are those behind the
    one at which a call is parked.
    """
    known = [m for call, all_ in stored.items() for m in all_ if _is_taken(live, call, m)]
    known.sort(key=lambda message: message.sequence)
    async with _tables_of_our_own(pool, live.projection) as db:
        await _fold(db, live.projection, known)
        made = await _read(db, live.projection, live.position, tenant, list(stored))
    found: list[Difference | Halted] = [p for call, p in live.parked.items() if call in stored]
    found += [
        msgspec.structs.replace(each, parked=False)
        for call, each in made.parked.items()
        if call not in live.parked
    ]
    for table, rows in made.rows.items():
        there = {key: row for key, row in live.rows[table].items() if key[0] in stored}
        found += _differences(table, there, rows)
    return found


async def calls_in_tables(
    pool: Pool, tenant: TenantId, projections: Iterable[Projection] = PROJECTIONS
) -> dict[CallId, list[str]]:
    """Every call that some table has a row of, and which tables those are."""
    found: dict[CallId, list[str]] = {}
    for table in (table for each in projections for table in each.tables):
        query = f"SELECT DISTINCT call FROM {table} WHERE tenant = $1"
        try:
            rows = await pool.fetch(query, tenant)
        except asyncpg.UndefinedTableError:  # this projection has never run
            continue
        for row in rows:
            found.setdefault(CallId(row["call"]), []).append(table)
    return found


async def _at_one_moment(
    db: Connection, projection: Projection, tenant: TenantId, calls: Sequence[CallId]
) -> Remembered:
    try:
        async with db.transaction(isolation="repeatable_read", readonly=True):
            position: int | None = await db.fetchval(
                "SELECT position FROM projection_positions WHERE name = $1 AND version = $2",
                projection.name,
                projection.version,
            )
            if position is not None:
                return await _read(db, projection, position, tenant, calls)
    except asyncpg.UndefinedTableError:  # no projection has ever run
        pass
    return Remembered(projection, -1, {table: {} for table in projection.tables}, {})


async def _read(
    db: Connection,
    projection: Projection,
    position: int,
    tenant: TenantId,
    calls: Sequence[CallId],
) -> Remembered:
    rows = {table: await _rows(db, table, tenant, calls) for table in projection.tables}
    parked = await db.fetch(
        "SELECT call, projection, sequence, error FROM parked"
        " WHERE projection = $1 AND tenant = $2 AND call = ANY($3)",
        *(projection.name, tenant, calls),
    )
    halted = {CallId(row["call"]): msgspec.convert(dict(row), Halted) for row in parked}
    return Remembered(projection, position, rows, halted)


async def _rows(db: Connection, table: str, tenant: TenantId, calls: Sequence[CallId]) -> Rows:
    key = await _key(db, table)
    query = f"SELECT * FROM {table} WHERE tenant = $1 AND call = ANY($2)"
    return {tuple(row[n] for n in key): dict(row) for row in await db.fetch(query, tenant, calls)}


async def _key(db: Connection, table: str) -> list[str]:
    """The primary key's columns without the tenant."""
    rows = await db.fetch(
        "SELECT attname FROM pg_index JOIN pg_attribute"
        " ON attrelid = indrelid AND attnum = ANY (indkey)"
        " WHERE indrelid = $1::text::regclass AND indisprimary AND attname <> 'tenant'"
        " ORDER BY array_position(indkey::int2[], attnum)",
        table,
    )
    return [row["attname"] for row in rows]


def _is_taken(live: Remembered, call: CallId, message: Stored) -> bool:
    parked = live.parked.get(call)
    return message.sequence <= live.position and not (
        parked and parked.sequence <= message.sequence
    )


@asynccontextmanager
async def _tables_of_our_own(pool: Pool, projection: Projection) -> AsyncIterator[Connection]:
    """A connection on which the projection's tables are new and empty, and gone in the end.

    Its statements name no schema: in this transaction they mean temporary tables, and no other.
    """
    async with pool.acquire() as db:
        ours = db.transaction()
        await ours.start()
        try:
            await db.execute("SET LOCAL search_path = pg_temp")
            await db.execute("SET LOCAL enable_seqscan = off")  # planned while they are empty
            await db.execute(files("projections").joinpath("tables.sql").read_text("utf-8"))
            await db.execute(projection.definition)
            await db.execute(
                "INSERT INTO projection_positions (name, version) VALUES ($1, $2)",
                *(projection.name, projection.version),
            )
            yield db
        finally:
            await ours.rollback()


async def _fold(db: Connection, projection: Projection, messages: Sequence[Stored]) -> None:
    after = 0
    for start in range(0, len(messages), _BATCH):
        batch = messages[start : start + _BATCH]
        await store(db, projection, batch, after=after)
        after = batch[-1].sequence


def _differences(table: str, live: Rows, made: Rows) -> list[Difference]:
    found = []
    for key in sorted(live.keys() | made.keys()):
        if key not in live:
            what = "is missing"
        elif key not in made:
            what = "should not be there"
        elif differing := [n for n in made[key] if _differs(n, live[key], made[key])]:
            what = f"differs in {', '.join(differing)}"
        else:
            continue
        call, *place = key
        found.append(Difference(call=call, table=table, key=", ".join(map(str, place)), what=what))
    return found


def _differs(column: str, live: Row, made: Row) -> bool:
    return column not in _OF_ITS_MOMENT and live.get(column) != made[column]
