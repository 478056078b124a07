"""The projections in a process of their own, for tests that kill that process.

python projections_in_a_process.py NATS_URL POSTGRES_DSN. Runs until it is killed.
"""

import asyncio
import sys

from infra.nats import connect
from infra.postgres import connect_pool
from projections.run import run


async def main(nats_url: str, postgres_dsn: str) -> None:
    bus = await connect(nats_url, name="projections")
    pool = await connect_pool(postgres_dsn)
    await run(bus, pool, stop=asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
