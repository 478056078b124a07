"""How the projections stand: how far behind the log, how long, and what they do not follow."""

import time
from datetime import datetime
from typing import Final

import asyncpg
import msgspec
from nats.js.errors import NotFoundError

from contracts.streams import CALLS
from infra.nats import Bus
from infra.postgres import Pool
from projections.reading import extent

_ALL: Final = (
    "SELECT p.name, p.generation, p.version, p.state, p.position, p.updated_at,"
    " count(q.call) AS parked"
    " FROM projection_positions AS p LEFT JOIN parked AS q"
    " ON q.projection = p.name AND q.generation = p.generation"
    " GROUP BY p.name, p.generation ORDER BY p.name, p.generation"
)


class Stand(msgspec.Struct, kw_only=True):
    """One generation of one projection."""

    name: str
    generation: int
    version: int
    state: str  # filling, live, kept
    position: int  # stream sequence of the last message taken in
    updated_at: datetime
    parked: int  # calls
    behind: int = 0  # messages of the log
    oldest_unseen_s: float = 0.0  # age of the first of these


async def stands(bus: Bus, pool: Pool) -> list[Stand]:
    """All generations, by name. Raises LogAway."""
    try:
        rows = await pool.fetch(_ALL)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # none has ever run
        return []
    last = (await extent(bus)).last
    ages: dict[int, float] = {}
    found = [msgspec.convert(dict(row), Stand) for row in rows]
    for each in found:
        each.behind = max(0, last - each.position)
        if each.behind and each.position not in ages:
            ages[each.position] = await _age_s(bus, each.position + 1)
        each.oldest_unseen_s = ages.get(each.position, 0.0)
    return found


async def _age_s(bus: Bus, sequence: int) -> float:
    """Of the first message from this one on, by its time in the log and this machine's clock."""
    try:
        found = await bus.js.get_msg(CALLS.name, sequence, "call.>", next=True)
    except NotFoundError:
        return 0.0
    return max(0.0, time.time() - found.time.timestamp()) if found.time else 0.0
