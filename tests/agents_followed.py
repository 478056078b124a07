"""Waiting until the table agents holds what was published."""

import asyncpg
from eventually import eventually_async

from contracts.streams import AGENTS
from infra.nats import Bus
from infra.postgres import Pool
from projections.agents.storing import LaterVersion, position_of


async def agents_followed(bus: Bus, pool: Pool) -> None:
    """Return when it has taken in all that the stream holds now."""
    last = (await bus.js.stream_info(AGENTS.name)).state.last_seq

    async def there() -> bool:
        try:
            return await position_of(pool) >= last
        except (asyncpg.UndefinedTableError, LaterVersion):  # nobody has made it yet
            return False

    await eventually_async(there)
