"""How the projections stand: how far behind the log, how long, and what they do not follow.

Ages are by the time in the log, of the server's clock, and by this machine's.
"""

import time
from datetime import datetime
from typing import Final

import asyncpg
import msgspec
from nats.js.errors import NotFoundError

from contracts.streams import CALLS
from infra.nats import Bus
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.reading import extent

_ALL: Final = (
    "SELECT p.name, p.generation, p.version, p.state, p.position, p.stored_at,"
    " p.updated_at,"
    " count(q.call) AS parked"
    " FROM projection_positions AS p LEFT JOIN parked AS q"
    " ON q.projection = p.name AND q.generation = p.generation"
    " GROUP BY p.name, p.generation ORDER BY p.name, p.generation"
)
_UNHEARD: Final = (
    "SELECT extract(epoch FROM clock_timestamp() - min(stored_at))::float8"
    " FROM projection_positions WHERE state = 'live' AND name = ANY($1)"
)


class Stand(msgspec.Struct, kw_only=True):
    """One generation of one projection."""

    name: str
    generation: int
    version: int
    state: str  # filling, live, kept; left: of a projection that this version does not have
    position: int  # stream sequence of the last message taken in
    stored_at: datetime | None  # when the log stored that message; null: not known since a rebuild
    updated_at: datetime
    parked: int  # calls
    behind: int = 0  # messages of the log
    oldest_unseen_s: float = 0.0  # age of the first of these
    canary_s: float | None = None  # age of the last message taken in, a canary where nobody calls


async def stands(bus: Bus, pool: Pool) -> list[Stand]:
    """All generations, by name. Raises LogAway."""
    try:
        rows = await pool.fetch(_ALL)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # none has ever run
        return []
    names = {each.name for each in PROJECTIONS}
    last = (await extent(bus)).last
    ages: dict[int, float] = {}
    found = [msgspec.convert(dict(row), Stand) for row in rows]
    now_s = time.time()
    for each in found:
        if each.name not in names:
            each.state = "left"
        if each.state in ("kept", "left"):  # nobody follows these
            continue
        each.behind = max(0, last - each.position)
        if each.stored_at is not None:
            each.canary_s = max(0.0, now_s - each.stored_at.timestamp())
        if each.behind and each.position not in ages:
            ages[each.position] = await _age_s(bus, each.position + 1)
        each.oldest_unseen_s = ages.get(each.position, 0.0)
    return found


async def unheard_s(pool: Pool) -> float | None:
    """Age of the last message that all live tables have taken in, by PostgreSQL's clock.

    None: not known.
    """
    try:
        age_s: float | None = await pool.fetchval(_UNHEARD, [each.name for each in PROJECTIONS])
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # none has ever run
        return None
    return age_s


async def _age_s(bus: Bus, sequence: int) -> float:
    """Of the first message from this one on."""
    try:
        found = await bus.js.get_msg(CALLS.name, sequence, "call.>", next=True)
    except NotFoundError:
        return 0.0
    return max(0.0, time.time() - found.time.timestamp()) if found.time else 0.0
