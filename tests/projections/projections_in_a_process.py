"""The projections in a process of their own, for tests that kill it, pause it or ask it to stop.

python projections_in_a_process.py NATS_URL POSTGRES_DSN. Runs until SIGTERM.
"""

import asyncio
import sys

from infra.nats import connect
from infra.postgres import connect_pool
from infra.stopping import until_signalled
from projections.run import run


async def main(nats_url: str, postgres_dsn: str) -> None:
    bus = await connect(nats_url, name="projections")
    pool = await connect_pool(postgres_dsn)
    with until_signalled():
        await run(bus, pool, stop=asyncio.Event())
    await pool.close()
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
