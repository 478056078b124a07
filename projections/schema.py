"""The tables of a projection, made when they are missing or of another version."""

import logging
from importlib.resources import files
from typing import Final

from infra.postgres import Connection, Pool
from projections.projection import Projection

_log: Final = logging.getLogger("partyline.projections")
_LOCK: Final = 0x70617274796C696E  # "partylin": one process at a time changes tables


async def prepare(pool: Pool, projection: Projection) -> None:
    """Make the projection's tables ready.

    Tables of another version are dropped and made anew, and their position goes back to 0, all in
    one transaction: whoever reads sees the old rows or none.
    """
    async with pool.acquire() as db, db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await db.execute(files("projections").joinpath("tables.sql").read_text("utf-8"))
        if await _is_another_version(db, projection):
            await _forget(db, projection)
        await db.execute(projection.definition)
        await db.execute(
            "INSERT INTO projection_positions (name, version) VALUES ($1, $2)"
            " ON CONFLICT (name) DO NOTHING",
            projection.name,
            projection.version,
        )


async def _is_another_version(db: Connection, projection: Projection) -> bool:
    # The lock comes before that of the tables, as in a runner's transaction: no deadlock.
    stored = await db.fetchval(
        "SELECT version FROM projection_positions WHERE name = $1 FOR UPDATE", projection.name
    )
    if stored is None or stored == projection.version:
        return False
    _log.warning(
        "%s: version %d takes the place of %d; its tables are made anew",
        projection.name,
        projection.version,
        stored,
    )
    return True


async def _forget(db: Connection, projection: Projection) -> None:
    await db.execute(f"DROP TABLE IF EXISTS {', '.join(projection.tables)}")
    await db.execute("DELETE FROM parked WHERE projection = $1", projection.name)
    await db.execute("DELETE FROM projection_positions WHERE name = $1", projection.name)
