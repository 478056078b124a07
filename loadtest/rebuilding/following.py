"""The projections in a process of their own: python -m loadtest.rebuilding.following.

Reads where its servers are from its input, and follows until that ends.
"""

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop

from contracts.codec import Codec
from infra.beside import beside
from infra.master_key import read_master_key
from infra.nats import connect
from infra.postgres import connect_pool
from infra.vault import Vault
from projections.rebuild import Servers
from projections.run import run


async def follow(servers: Servers) -> None:
    """As `partyline up` follows."""
    bus = await connect(servers.nats, name="bench projections")
    pool = await connect_pool(servers.postgres)
    key = servers.master_key
    codec = Codec(Vault(bus, read_master_key(Path(key)))) if key else Codec()
    stop = asyncio.Event()
    async with beside(_end_of_input(stop)):
        await run(bus, pool, stop=stop, codec=codec, servers=servers)
    await pool.close()
    await bus.close()


async def _end_of_input(stop: asyncio.Event) -> None:
    """Who started us closes it, or is gone."""
    await asyncio.to_thread(sys.stdin.buffer.read)
    stop.set()


if __name__ == "__main__":
    uvloop.run(follow(msgspec.json.decode(sys.stdin.buffer.readline(), type=Servers)))
