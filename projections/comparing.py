"""The tables against a fold of the log."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import asyncpg
import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Connection, Pool
from projections import PROJECTIONS
from projections.call_fold import Readers, Refused, folded
from projections.generations import Generation, standings
from projections.projection import Projection, Table
from projections.reading import Place, Stored
from projections.rows import as_made
from projections.storing import clean

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


def compare(
    live: Remembered, tenant: TenantId, stored: Mapping[CallId, Sequence[Stored]]
) -> list[Difference | Halted]:
    """What one projection's tables held, against what it makes of the calls' messages.

    Messages behind its position are left out: it has yet to come to them. So are those behind the
    one at which a call is parked.
    """
    found: list[Difference | Halted] = []
    made: dict[str, Rows] = {table.name: {} for table in live.projection.tables}
    for call, messages in stored.items():
        if call in live.parked:
            found.append(live.parked[call])
        known = [message for message in messages if _is_taken(live, call, message)]
        refused = _fold(live.projection, Place(tenant, call), known, made)
        found += [_halted(each) for each in refused if call not in live.parked]
    for table, rows in made.items():
        there = {key: row for key, row in live.rows[table].items() if key[0] in stored}
        found += _differences(table, there, rows)
    return found


async def calls_in_tables(
    pool: Pool, tenant: TenantId, projections: Iterable[Projection] = PROJECTIONS
) -> dict[CallId, list[str]]:
    """Every call that some table has a row of, and which tables those are."""
    found: dict[CallId, list[str]] = {}
    for table in (table.name for each in projections for table in each.tables):
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
            for standing in await standings(db, projection.name):
                if standing.state == "live" and standing.version == projection.version:
                    generation = Generation(projection, standing.generation)
                    return await _read(db, generation, standing.position, tenant, calls)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # none has ever run
        pass
    return Remembered(projection, -1, {table.name: {} for table in projection.tables}, {})


async def _read(
    db: Connection, generation: Generation, position: int, tenant: TenantId, calls: Sequence[CallId]
) -> Remembered:
    projection = generation.projection
    rows = {
        table.name: await _rows(db, generation.schema, table, tenant, calls)
        for table in projection.tables
    }
    parked = await db.fetch(
        "SELECT call, projection, sequence, error FROM parked"
        " WHERE projection = $1 AND generation = $2 AND tenant = $3 AND call = ANY($4)",
        *(projection.name, generation.number, tenant, calls),
    )
    halted = {CallId(row["call"]): msgspec.convert(dict(row), Halted) for row in parked}
    return Remembered(projection, position, rows, halted)


async def _rows(
    db: Connection, schema: str, table: Table, tenant: TenantId, calls: Sequence[CallId]
) -> Rows:
    fields = table.row.__struct_fields__
    key = fields[1 : table.key]
    found = await db.fetch(
        f"SELECT {', '.join(fields)} FROM {schema}.{table.name}"
        " WHERE tenant = $1 AND call = ANY($2)",
        *(tenant, calls),
    )
    return {tuple(row[n] for n in key): as_made(row) for row in found}


def _fold(
    projection: Projection, place: Place, messages: Sequence[Stored], made: dict[str, Rows]
) -> list[Refused]:
    fold, refused = folded(place, Readers([projection]), messages)
    if refused:
        before = [message for message in messages if message.sequence < refused[0].sequence]
        fold, _ = folded(place, Readers([projection]), before)
    rows = fold.rows_of(projection)
    assert rows is not None
    tables = {table.row: table for table in projection.tables}
    for row in rows.news:
        if table := tables.get(type(row)):
            values = msgspec.structs.asdict(row)
            key = tuple(values[name] for name in table.row.__struct_fields__[1 : table.key])
            made[table.name][key] = values
    return refused


def _halted(refused: Refused) -> Halted:
    return Halted(
        call=CallId(refused.place.call),
        projection=refused.projection,
        sequence=refused.sequence,
        error=refused.error,
        parked=False,
    )


def _is_taken(live: Remembered, call: CallId, message: Stored) -> bool:
    parked = live.parked.get(call)
    return message.sequence <= live.position and not (
        parked and parked.sequence <= message.sequence
    )


def _differences(table: str, live: Rows, made: Rows) -> list[Difference]:
    found = []
    for key in sorted(live.keys() | made.keys(), key=lambda key: tuple(map(str, key))):
        if key not in live:
            what = "is missing"
        elif key not in made:
            what = "should not be there"
        elif differing := [n for n in made[key] if _differs(live[key].get(n), made[key][n])]:
            what = f"differs in {', '.join(differing)}"
        else:
            continue
        call, *place = key
        found.append(Difference(call=call, table=table, key=", ".join(map(str, place)), what=what))
    return found


def _differs(live: Any, made: Any) -> bool:
    """A table has lists where a row may have tuples, and no NUL."""
    if isinstance(made, msgspec.Raw):
        made = msgspec.json.decode(made)
    return bool(live != made and live != clean(made))
