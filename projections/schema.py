"""Schemas, tables and the views everybody reads."""

import logging
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from infra.postgres import Connection, Pool
from projections.generations import Generation, Standing, standings
from projections.projection import Projection
from projections.views.guarding import guard

_log: Final = logging.getLogger("partyline.projections")
_LOCK: Final = 0x70617274796C696E  # "partylin": one process at a time changes tables
_VIRTUAL_SINCE: Final = 18
_OLDER_TABLES: Final = (
    *("projection_positions", "parked"),
    *("calls", "turns", "turn_transcripts", "turn_replies", "tool_runs", "timeline"),
)
_COMMENTS: Final = (
    "SELECT coalesce(a.attname, '') AS column, d.description FROM pg_description AS d"
    " LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid"
    " AND d.objsubid > 0"
    " WHERE d.classoid = 'pg_class'::regclass AND d.objoid = $1::text::regclass"
)
_COLUMNS: Final = (
    "SELECT array_agg(attname || ' ' || atttypid::regtype || CASE WHEN attcollation = 0 THEN ''"
    " ELSE ' ' || attcollation::regcollation END ORDER BY attnum) FROM pg_attribute"
    " WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
)


async def prepare(pool: Pool, projection: Projection) -> Generation | None:
    """The live tables of the projection, made when there are none.

    None: the live ones are of another version; what is to take their place must be filled first.
    """
    async with pool.acquire() as db, db.transaction():
        await lock(db)
        await _prepare_all(db)
        known = await standings(db, projection.name)
        live = next((each for each in known if each.state == "live"), None)
        if live is not None and not _is_ours(projection, live):
            return None
        if live is not None:
            generation = Generation(projection, live.generation)
            if not await _missing(db, generation.schema, projection):
                if await _missing(db, "public", projection):
                    await show(db, generation)
                return generation
            await _lock_views(db, projection)
            _log.error("%s: its tables are gone, and are made anew from the log", projection.name)
            await forget(db, projection.name, live.generation)
        generation = Generation(projection, _next(known), "live")
        await _lock_views(db, projection)
        await make(db, generation)
        await show(db, generation)
        return generation


async def lock(db: Connection) -> None:
    """Until the transaction ends nobody else changes tables."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def _lock_views(db: Connection, projection: Projection) -> None:
    """Before a schema is dropped, and its views with it: readers, too, come to the view first and
    then to its table. The other way round two would wait for each other."""
    for table in projection.tables:
        if await db.fetchval("SELECT to_regclass($1)", f"public.{table.name}") is not None:
            await db.execute(f"LOCK TABLE public.{table.name} IN ACCESS EXCLUSIVE MODE")


async def make(db: Connection, generation: Generation) -> None:
    """Make its tables, empty, and its position, 0. In a transaction of the caller's."""
    schema = generation.schema
    await db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await db.execute(f"CREATE SCHEMA {schema}")
    await db.execute(f"SET LOCAL search_path = {schema}, public")
    await db.execute(understood(generation.projection.definition, db.get_server_version().major))
    await db.execute("SET LOCAL search_path = DEFAULT")
    await guard(db, generation)
    await db.execute(
        "INSERT INTO projection_positions (name, generation, version, state)"
        " VALUES ($1, $2, $3, $4)",
        *(generation.name, generation.number, generation.projection.version, generation.state),
    )


def understood(definition: str, server: int) -> str:
    """The SQL as this version of PostgreSQL takes it: before 18 what is reckoned is stored, too."""
    return definition if server >= _VIRTUAL_SINCE else definition.replace(" VIRTUAL", " STORED")


async def vacuum_none(db: Connection, generation: Generation) -> None:
    """Keep autovacuum off its tables until `vacuum_again`.

    It comes to tables that grow quickly, and holds up whoever is about to make them live for as
    long as it takes: it gives way after a second only, and readers are not kept waiting that long.
    """
    for table in generation.projection.tables:
        await db.execute(
            f"ALTER TABLE {generation.schema}.{table.name} SET (autovacuum_enabled = false)"
        )


async def vacuum_again(db: Connection, generation: Generation) -> None:
    """Let autovacuum see to its tables, as to others."""
    for table in generation.projection.tables:
        await db.execute(f"ALTER TABLE {generation.schema}.{table.name} RESET (autovacuum_enabled)")


async def next_generation(db: Connection, projection: Projection) -> Generation:
    """The one that a rebuild is to fill. In a transaction of the caller's."""
    await _prepare_all(db)
    return Generation(projection, _next(await standings(db, projection.name)), "filling")


async def show(db: Connection, generation: Generation) -> None:
    """Let the public views be of its tables. In a transaction of the caller's."""
    for table in generation.projection.tables:
        source = f"{generation.schema}.{table.name}"
        view = f"public.{table.name}"
        before = await db.fetchval(_COLUMNS, view)
        if before is not None and before != await db.fetchval(_COLUMNS, source):
            _log.warning("%s gets other columns: what stands on it is dropped", table.name)
            await db.execute(f"DROP VIEW {view} CASCADE")
        await db.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {source}")
        await _comment(db, view, source)


async def hold_views(db: Connection, projections: Iterable[Projection]) -> None:
    """Keep readers out of all their public views at once, until the transaction ends.

    One after the other would meet somebody who reads two of them in the other order.
    """
    names = [f"public.{table.name}" for each in projections for table in each.tables]
    there = [name for name in names if await db.fetchval("SELECT to_regclass($1)", name)]
    if there:
        await db.execute(f"LOCK TABLE {', '.join(there)} IN ACCESS EXCLUSIVE MODE")


async def forget(db: Connection, name: str, generation: int) -> None:
    """Drop a generation's tables and all that is known of it. In a transaction of the caller's."""
    await db.execute(f"DROP SCHEMA IF EXISTS {name}_{generation} CASCADE")
    for table, column in (("parked", "projection"), ("projection_positions", "name")):
        await db.execute(
            f"DELETE FROM {table} WHERE {column} = $1 AND generation = $2", name, generation
        )


async def left_behind(pool: Pool, names: Iterable[str]) -> list[str]:
    """Tables of projections by other names than these, which some other version has made."""
    rows = await pool.fetch(
        "SELECT DISTINCT name FROM projection_positions WHERE name <> ALL($1) ORDER BY name",
        list(names),
    )
    return [row["name"] for row in rows]


async def _missing(db: Connection, schema: str, projection: Projection) -> bool:
    """Whether somebody has dropped a table of it, or in `public` a view of one."""
    names = [f"{schema}.{table.name}" for table in projection.tables]
    there = "SELECT count(to_regclass(name)) FROM unnest($1::text[]) AS name"
    return bool(await db.fetchval(there, names) < len(names))


async def _prepare_all(db: Connection) -> None:
    await _leave_older_layouts(db)
    await db.execute(files("projections").joinpath("tables.sql").read_text("utf-8"))


async def _leave_older_layouts(db: Connection) -> None:
    columns = await db.fetchval(_COLUMNS, "public.projection_positions")
    if columns is None:
        return
    if "generation integer" not in columns:
        await _drop_ungenerated(db)
    elif "stored_at timestamp with time zone" not in columns:
        await db.execute("ALTER TABLE projection_positions ADD COLUMN stored_at timestamptz")


async def _drop_ungenerated(db: Connection) -> None:
    """Tables of before there were generations; all in them is in the log."""
    _log.warning("the tables are of an older layout: they are made anew from the log")
    names: Iterable[str] = [
        row["relname"]
        for row in await db.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname = ANY($1)"
            " AND relnamespace = 'public'::regnamespace",
            _OLDER_TABLES,
        )
    ]
    await db.execute(f"DROP TABLE {', '.join(names)} CASCADE")


async def _comment(db: Connection, view: str, source: str) -> None:
    for row in await db.fetch(_COMMENTS, source):
        words = row["description"].replace("'", "''")
        what = f"COLUMN {view}.{row['column']}" if row["column"] else f"VIEW {view}"
        await db.execute(f"COMMENT ON {what} IS '{words}'")


def _next(known: list[Standing]) -> int:
    return max((each.generation for each in known), default=0) + 1


def _is_ours(projection: Projection, live: Standing) -> bool:
    if live.version != projection.version:
        _log.warning(
            "%s: version %d is to take the place of %d",
            *(projection.name, projection.version, live.version),
        )
    return live.version == projection.version
