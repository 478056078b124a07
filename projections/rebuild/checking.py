"""Whether a filled generation says of finished calls what the live one says."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from infra.postgres import Connection, Pool
from projections.generations import Generation, Standing, standings
from projections.projection import Table

_SAMPLE: Final = 20  # calls named


class Deviation(NamedTuple):
    """A table of which calls' rows differ."""

    table: str
    calls: int
    first: tuple[str, ...]  # some of them


async def deviations(pool: Pool, generations: Sequence[Generation]) -> list[Deviation]:
    """Calls that ended before both, and whose rows differ; only where the meaning is the same.

    A call parked in either is left out: a rebuild may take what could not be taken then.
    """
    found: list[Deviation] = []
    async with pool.acquire() as db:
        for each in generations:
            live = next((s for s in await standings(db, each.name) if s.state == "live"), None)
            if live is None or live.version != each.projection.version:
                continue
            for table in each.projection.tables:
                if (deviation := await _deviation(db, each, live, table)) is not None:
                    found.append(deviation)
    return found


async def _deviation(
    db: Connection, new: Generation, live: Standing, table: Table
) -> Deviation | None:
    old_table = f"{new.name}_{live.generation}.{table.name}"
    new_table = f"{new.schema}.{table.name}"
    rows = await db.fetch(
        f"WITH was AS ({_digests(table, old_table)}), now AS ({_digests(table, new_table)})"
        " SELECT coalesce(was.call, now.call) AS call FROM was FULL JOIN now USING (tenant, call)"
        " WHERE was.digest IS DISTINCT FROM now.digest AND NOT EXISTS (SELECT FROM parked AS p"
        " WHERE p.projection = $1 AND p.call = coalesce(was.call, now.call))"
        " AND EXISTS (SELECT FROM calls AS c WHERE c.call = coalesce(was.call, now.call)"
        " AND c.state = 'ended' AND c.ended_at < now() - interval '1 minute')",
        new.name,
    )
    calls = [row["call"] for row in rows]
    return Deviation(table.name, len(calls), tuple(calls[:_SAMPLE])) if calls else None


def _digests(table: Table, name: str) -> str:
    """A number for each call that its rows decide, whatever their order."""
    columns = ", ".join(table.row.__struct_fields__)
    return (
        f"SELECT tenant, call, count(*) || ':' || sum(hashtextextended(row({columns})::text, 0))"
        f" AS digest FROM {name} GROUP BY tenant, call"
    )
