"""Servers of a measurement's own, and what they have to do."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats

from infra.data_folder import make_folders
from infra.nats_cluster import NatsCluster
from infra.nats_server import NatsServer


@asynccontextmanager
async def servers(nodes: int) -> AsyncIterator[NatsServer | NatsCluster]:
    with tempfile.TemporaryDirectory() as folder:
        made = make_folders(Path(folder) / "data")
        server = NatsServer(made, "secret") if nodes == 1 else NatsCluster(made, "secret")
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


async def load(system_url: str, pids: list[int], for_s: float) -> dict[str, float]:
    """Messages the server took a second, and its share of a core."""
    await asyncio.sleep(2)
    seconds, cpu = time.monotonic(), cpu_s(pids)
    handled = await taken(system_url)
    await asyncio.sleep(for_s)
    seconds = time.monotonic() - seconds
    return {
        "messages the servers took, per s": round((await taken(system_url) - handled) / seconds, 1),
        "servers' share of a core": round((cpu_s(pids) - cpu) / seconds, 4),
    }


async def taken(system_url: str) -> int:
    """Messages the servers took from clients so far."""
    total = 0
    for url in system_url.split(","):
        system = await nats.connect(url)
        reply = await system.request("$SYS.REQ.SERVER.PING.VARZ", b"", timeout=5)
        total += json.loads(reply.data)["data"]["in_msgs"]
        await system.close()
    return total


def cpu_s(pids: list[int]) -> float:
    """CPU time of processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100
