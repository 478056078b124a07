"""Whether two databases hold the same rows, without taking them out."""

from typing import NamedTuple

from infra.postgres import Pool
from projections import PROJECTIONS
from projections.projection import Table


class Digest(NamedTuple):
    """A table's rows, in any order."""

    rows: int
    sum: int  # of two 64-bit hashes of each row, one shifted behind the other


async def digests(pool: Pool) -> dict[str, Digest]:
    """Of all tables, by name; left out are the columns that say when a row was written."""
    tables = [table for each in PROJECTIONS for table in each.tables]
    return {table.name: await _digest(pool, table) for table in tables}


async def _digest(pool: Pool, table: Table) -> Digest:
    row = f"row({', '.join(table.row.__struct_fields__)})::text"
    found = await pool.fetchrow(
        f"SELECT count(*) AS rows, coalesce(sum(hashtextextended({row}, 0)::numeric), 0) AS one,"
        f" coalesce(sum(hashtextextended({row}, 1)::numeric), 0) AS other FROM {table.name}"
    )
    assert found is not None
    return Digest(found["rows"], (int(found["one"]) << 128) + int(found["other"]))
