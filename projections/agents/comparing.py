"""The table agents against the stream AGENTS."""

import asyncio
import time
from typing import Any, Final, NamedTuple, TypeAlias

import asyncpg
import msgspec
import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from contracts.codec import Unreadable
from contracts.ids import TenantId
from contracts.journal import JournalUnavailable
from contracts.streams import AGENTS
from infra.nats import Bus
from infra.postgres import Pool
from projections.agents.rows import RevisionRow, row_of
from projections.agents.storing import VERSION
from projections.rows import as_made
from projections.storing import clean

_LOOK_EVERY_S: Final = 0.05
_AWAY: Final = (OSError, TimeoutError, nats.errors.Error, JetStreamError)
_ROWS: Final = f"SELECT {', '.join(RevisionRow.__struct_fields__)} FROM agents WHERE tenant = $1"
_POSITION: Final = "SELECT position FROM agents_position WHERE version = $1"

Rows: TypeAlias = dict[tuple[str, int], dict[str, Any]]  # by agent and revision


class Compared(NamedTuple):
    """What was found."""

    rows: int = 0  # looked at
    wrong: tuple[str, ...] = ()  # what is wrong about which revision; never what it holds
    behind: int = 0  # messages that have yet to come to the table


async def compared(bus: Bus, pool: Pool, tenant: TenantId, *, within_s: float) -> Compared:
    """Whether a tenant's rows are what the stream makes of them.

    Messages that have not come to the table `within_s` are left out and counted. Nothing is found
    where the table was never made, or is another version's. Raises JournalUnavailable.
    """
    last = await _last(bus)
    deadline_s = time.monotonic() + within_s
    while (held := await _held(pool, tenant)) is not None:
        position, rows = held
        if position >= last or time.monotonic() >= deadline_s:
            made = await _made(bus, tenant, position)
            return Compared(len(rows), tuple(_differences(rows, made)), max(0, last - position))
        await asyncio.sleep(_LOOK_EVERY_S)
    return Compared()


async def _held(pool: Pool, tenant: TenantId) -> tuple[int, Rows] | None:
    """Position and rows at one moment."""
    try:
        async with (
            pool.acquire() as db,
            db.transaction(isolation="repeatable_read", readonly=True),
        ):
            position: int | None = await db.fetchval(_POSITION, VERSION)
            if position is None:
                return None
            rows = [as_made(row) for row in await db.fetch(_ROWS, tenant)]
    except asyncpg.UndefinedTableError:  # nobody has ever followed the stream
        return None
    return position, {(row["agent"], row["revision"]): row for row in rows}


async def _made(bus: Bus, tenant: TenantId, position: int) -> Rows:
    """What the stream makes, up to a position. Revisions are few: they are asked for singly."""
    made: Rows = {}
    sequence = 0
    while True:
        try:
            stored = await bus.js.get_msg(AGENTS.name, sequence + 1, f"agent.{tenant}.*", next=True)
        except NotFoundError:
            return made
        except _AWAY:
            raise JournalUnavailable("the stream of agents did not answer") from None
        sequence = stored.seq or 0
        if sequence > position:
            return made
        try:
            row = row_of(stored.subject or "", sequence, stored.data or b"")
        except Unreadable:  # left out of the table as well
            continue
        made.setdefault((row.agent, row.revision), msgspec.structs.asdict(row))


async def _last(bus: Bus) -> int:
    try:
        return (await bus.js.stream_info(AGENTS.name)).state.last_seq
    except _AWAY:
        raise JournalUnavailable("the stream of agents did not answer") from None


def _differences(rows: Rows, made: Rows) -> list[str]:
    found = []
    for agent, revision in sorted(rows.keys() | made.keys()):
        held, meant = rows.get((agent, revision)), made.get((agent, revision))
        if held is None or meant is None:
            what = "is missing" if held is None else "should not be there"
        elif columns := [name for name in meant if held[name] != clean(meant[name])]:
            what = f"differs in {', '.join(columns)}"
        else:
            continue
        found.append(f"agents: revision {revision} of {agent} {what}")
    return found
