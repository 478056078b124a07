"""A rebuild in small chunks in a process of its own, for tests that kill it.

python rebuild_in_a_process.py NATS_URL POSTGRES_DSN
"""

import asyncio
import sys

from infra.nats import connect
from infra.postgres import connect_pool
from projections import PROJECTIONS
from projections.rebuild import plan, rebuild


async def main(nats_url: str, postgres_dsn: str) -> None:
    plan.CHUNK = 70  # type: ignore[misc]
    bus = await connect(nats_url, name="rebuild")
    pool = await connect_pool(postgres_dsn)
    await rebuild(bus, pool, PROJECTIONS)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
