"""The stack without an installation: real nats-server and PostgreSQL, in one data folder."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from infra.beside import beside
from infra.children import ChildFailed, kept_running, side_by_side
from infra.data_folder import (
    AlreadyRunning,
    MadeForOtherNodes,
    assert_made_for,
    credential,
    held,
    is_held,
    make_folders,
    write_private,
)
from infra.full_disk import watch_disk
from infra.master_key import make_master_key
from infra.nats_cluster import NatsCluster
from infra.nats_server import NatsServer
from infra.postgres_server import PostgresServer

__all__ = [
    "Addresses",
    "AlreadyRunning",
    "ChildFailed",
    "MadeForOtherNodes",
    "embedded",
    "running",
]


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running stack is reached, on this machine only."""

    nats_url: str  # all nodes, separated by commas; with the credential: not for logs
    nats_system_url: str  # the same servers' own account ($SYS), with the credential
    postgres_dsn: str
    data: Path
    qdrant_path: Path  # for Qdrant's local mode, inside one process

    def __repr__(self) -> str:
        return f"Addresses(data={str(self.data)!r})"


@asynccontextmanager
async def embedded(
    data: Path, *, nats_port: int = 0, nats_nodes: Literal[1, 3] = 1
) -> AsyncIterator[Addresses]:
    """Run the servers on `data` during the block; restart what dies, and end all on the way out.

    Call it from a thread that lives as long as the block: the servers end when that thread does.

    Args:   nats_port: 0 takes the folder's previous port if it is free, else any free one.
            nats_nodes: with 3 the log outlives the death of any one of them.
    Raises: AlreadyRunning; MadeForOtherNodes; ChildFailed when a server does not start, or later,
            cancelling the block, when one died too often in a row.
    """
    data = make_folders(data)
    with held(data):
        assert_made_for(data, nats_nodes)
        make_master_key(data)
        server = NatsServer if nats_nodes == 1 else NatsCluster
        nats, postgres = server(data, credential(data), nats_port), PostgresServer(data)
        published = data / "addresses.json"
        try:
            await side_by_side(nats.start(), postgres.start())
            addresses = _addresses(data, nats, postgres)
            write_private(published, msgspec.json.encode(addresses, enc_hook=_path_text).decode())
            children = (*(each.child for each in nats.servers), postgres.child)
            async with kept_running(*children), beside(_watch_disks(nats.servers)):
                yield addresses
        finally:
            published.unlink(missing_ok=True)
            await side_by_side(nats.stop(), postgres.stop())


async def _watch_disks(servers: Iterable[NatsServer]) -> None:
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(watch_disk(server))


def running(data: Path) -> Addresses | None:
    """The stack another process runs on `data`. None when there is none, or none ready yet."""
    data = data.absolute()
    try:
        text = (data / "addresses.json").read_bytes()
    except FileNotFoundError:
        return None
    if not is_held(data):  # left by a process that was killed
        return None
    return msgspec.json.decode(text, type=Addresses, dec_hook=_path)


def _addresses(data: Path, nats: NatsServer | NatsCluster, postgres: PostgresServer) -> Addresses:
    return Addresses(
        nats_url=nats.url,
        nats_system_url=nats.system_url,
        postgres_dsn=postgres.dsn,
        data=data,
        qdrant_path=data / "qdrant",
    )


def _path_text(value: Any) -> str:
    return str(value)


def _path(_: type, text: Any) -> Path:
    return Path(text)
