"""The views for analysts, over the live tables."""

import logging
import re
from collections.abc import Sequence
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import Final

import asyncpg

from infra.postgres import Connection
from projections.agents.storing import make_table as make_agents
from projections.costs.prices import make_table as make_prices
from projections.schema import lock
from projections.views import guarding
from projections.views.guarding import ANALYSTS, VIEWS, build_wall, digest, guard_table

_log: Final = logging.getLogger("partyline.projections")
_LIVE: Final = (
    "SELECT n.nspname AS schema, c.relname AS name FROM public.projection_positions AS p"
    " JOIN pg_namespace AS n ON n.nspname = p.name || '_' || p.generation"
    " JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind = 'r'"
    " WHERE p.state = 'live' ORDER BY 1, 2"
)
_GIVE_WAY: Final = "SET LOCAL lock_timeout = '200ms'"  # rather than be in the readers' way
_FORCED: Final = "SELECT relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass"
_BASES: Final = """
    SELECT DISTINCT b.oid::regclass::text FROM pg_depend AS d
    JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_class AS b ON b.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
    WHERE r.ev_class = $1::text::regclass AND b.oid <> r.ev_class
      AND NOT (b.relkind = 'v' AND b.relname = ANY($2) AND b.relnamespace = 'public'::regnamespace)
      AND NOT (b.relrowsecurity AND b.relforcerowsecurity)
      AND b.oid <> 'public.prices'::regclass -- prices are everybody's
"""


class Unguarded(Exception):
    """A view would read a table that lets through whatever tenant's rows."""


async def make_views(db: Connection) -> None:
    """Make all views that are not there or not as their files and the live tables have it.

    In a transaction of the caller's: after all projections are prepared, and again whenever
    another generation of tables has become live. A view whose tables nobody has made is left out.
    Raises asyncpg.LockNotAvailableError while somebody reads a view that has to change: try again.
    """
    await lock(db)
    roles = await build_wall(db)
    bases = await _guarded_tables(db, roles=roles)
    around = [f"{schema}.{name}" for schema, name in bases] + [str(roles)]
    schemas = dict.fromkeys(schema for schema, _ in bases)
    wanted = {name: digest(text, *around) for name, text in definitions().items()}
    changed = [name for name in wanted if not await guarding.made_from(db, name, wanted[name])]
    if changed:
        await db.execute(_GIVE_WAY)
        await hold(db, changed)
    await db.execute(f"SET LOCAL search_path = {', '.join([*schemas, 'public'])}")
    for name, text in definitions().items():
        if not await guarding.made_from(db, name, wanted[name]) and await _make(
            db, name, text, roles=roles
        ):
            await guarding.remember(db, name, wanted[name])
    await db.execute("SET LOCAL search_path = DEFAULT")


@cache
def definitions() -> dict[str, str]:
    """The SQL of each view by its name; those that others stand on come first."""
    folder = files("projections.views")
    texts = {
        each.name.removesuffix(".sql"): each.read_text("utf-8")
        for each in folder.iterdir()
        if each.name.startswith("v_") and each.name.endswith(".sql")
    }
    asks = {name: {w for w in _names(texts[name]) if w in texts and w != name} for name in texts}
    sorter = TopologicalSorter({name: sorted(asks[name]) for name in sorted(asks)})
    return {name: texts[name] for name in sorter.static_order()}


def _names(text: str) -> set[str]:
    return set(re.findall(r"(?:FROM|JOIN)\s+(v_\w+)", text))


async def _guarded_tables(db: Connection, *, roles: bool) -> list[tuple[str, str]]:
    """The live tables, each behind the wall."""
    await make_prices(db)
    await make_agents(db)
    live = [(row["schema"], row["name"]) for row in await db.fetch(_LIVE)]
    for schema, name in (*live, ("public", "agents")):
        await guard_table(db, schema, name, roles=roles)
        # Not before a table is live: COPY, by which it is filled, works on none whose owner is
        # held to row-level security as well.
        if not await db.fetchval(_FORCED, f"{schema}.{name}"):
            await db.execute(f"ALTER TABLE {schema}.{name} FORCE ROW LEVEL SECURITY")
    if roles:
        await guarding.let_views_read(db, "public", "prices")
    return live


async def hold(db: Connection, names: Sequence[str] | None = None) -> None:
    """Keep readers out of these views, None: out of all, until the transaction ends.

    In the order in which a reader locks what a statement needs: a view, then what it stands on, the
    tables last. Whoever holds tables before views, or waits for long, ends in a deadlock. Raises
    asyncpg.LockNotAvailableError where that was not to be waited for any longer.
    """
    for name in reversed(tuple(definitions()) if names is None else names):
        if await db.fetchval("SELECT to_regclass('public.' || $1) IS NOT NULL", name):
            # It changes nothing; LOCK would lock the tables below, too.
            await db.execute(f"ALTER VIEW public.{name} RESET (security_barrier)")


async def _make(db: Connection, name: str, text: str, *, roles: bool) -> bool:
    """False: a table or a column of it is missing; nothing is changed then."""
    try:
        async with db.transaction():  # a savepoint
            await _replace(db, text)
            unguarded = await db.fetch(_BASES, f"public.{name}", list(definitions()))
            if unguarded:
                raise Unguarded(f"{name} reads {unguarded[0][0]}, which is not guarded")
            if roles:
                await db.execute(f"ALTER VIEW public.{name} OWNER TO {VIEWS}")
                await db.execute(f"GRANT SELECT ON public.{name} TO {ANALYSTS}")
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as missing:
        _log.info("%s is left out for now: %s", name, missing.message)
        return False
    return True


async def _replace(db: Connection, text: str) -> None:
    """Keep the view, and whatever others have built on it, where its columns allow that."""
    try:
        async with db.transaction():
            await db.execute(text)
    except asyncpg.InvalidTableDefinitionError:
        name = re.search(r"VIEW (\S+)", text)
        assert name is not None
        _log.warning("%s gets other columns: what stands on it is dropped", name[1])
        await db.execute(f"DROP VIEW {name[1]} CASCADE")
        await db.execute(text)
