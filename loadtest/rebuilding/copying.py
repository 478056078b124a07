"""What PostgreSQL takes by COPY: rows of the timeline into a table like it, without indexes."""

import io
import time
from collections.abc import Awaitable, Callable
from typing import Final

from infra.postgres import Connection, Pool
from loadtest.rebuilding.figures import Copying
from projections.timeline.rows import TimelineRow

_MOST: Final = 100_000  # rows, about 40 MB
_TRIES: Final = 3  # the quickest counts: it is a limit that is looked for
_TABLE: Final = "copied"
_COLUMNS: Final = TimelineRow.__struct_fields__
_ROWS: Final = f"SELECT {', '.join(_COLUMNS)} FROM timeline LIMIT {_MOST}"


async def copying(pool: Pool) -> Copying:
    """Measure on one connection, with rows of the timeline that is live there."""
    source = await pool.fetchval(
        "SELECT relnamespace::regnamespace || '.timeline' FROM pg_class"
        " WHERE relname = 'timeline' AND relkind = 'r'"
    )
    async with pool.acquire() as db:
        like = f"CREATE TABLE {_TABLE} (LIKE {source} INCLUDING DEFAULTS INCLUDING GENERATED)"
        packed = io.BytesIO()
        await db.copy_from_query(_ROWS, output=packed, format="binary")
        records = [tuple(row) for row in await db.fetch(_ROWS)]

        async def bytes_at_hand() -> None:
            packed.seek(0)
            await db.copy_to_table(_TABLE, source=packed, columns=_COLUMNS, format="binary")

        async def from_values() -> None:
            await db.copy_records_to_table(_TABLE, columns=_COLUMNS, records=records)

        rates = [
            len(records) / await _quickest(db, like, copy) for copy in (bytes_at_hand, from_values)
        ]
    return Copying(rows=len(records), rows_per_s=rates[0], records_per_s=rates[1])


async def _quickest(db: Connection, like: str, copy: Callable[[], Awaitable[None]]) -> float:
    """Seconds, with a new table each time."""
    took_s = []
    for _ in range(_TRIES):
        await db.execute(like)
        began_s = time.perf_counter()
        await copy()
        took_s.append(time.perf_counter() - began_s)
        await db.execute(f"DROP TABLE {_TABLE}")
    return min(took_s)
