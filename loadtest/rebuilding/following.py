"""The projections in a process of their own, until SIGTERM: python -m loadtest.rebuilding.following.

Reads where its servers are from its input.
"""

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop

from contracts.codec import Codec
from infra.master_key import read_master_key
from infra.nats import connect
from infra.postgres import connect_pool
from infra.stopping import until_signalled
from infra.vault import Vault
from projections.rebuild import Servers
from projections.run import run


async def follow(servers: Servers) -> None:
    """As `partyline up` follows."""
    bus = await connect(servers.nats, name="bench projections")
    pool = await connect_pool(servers.postgres)
    key = servers.master_key
    codec = Codec(Vault(bus, read_master_key(Path(key)))) if key else Codec()
    with until_signalled():
        await run(bus, pool, stop=asyncio.Event(), codec=codec, servers=servers)
    await pool.close()
    await bus.close()


if __name__ == "__main__":
    uvloop.run(follow(msgspec.json.decode(sys.stdin.buffer.readline(), type=Servers)))
