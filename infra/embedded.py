"""The stack without an installation: real nats-server and PostgreSQL, in one data folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from infra.children import ChildFailed, kept_running, side_by_side
from infra.data_folder import (
    AlreadyRunning,
    credential,
    held,
    is_held,
    make_folders,
    write_private,
)
from infra.nats_server import NatsServer
from infra.postgres_server import PostgresServer

__all__ = ["Addresses", "AlreadyRunning", "ChildFailed", "embedded", "running"]


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running stack is reached, on this machine only."""

    nats_url: str  # with the credential: not for logs
    nats_system_url: str  # the same server's own account ($SYS), with the credential
    postgres_dsn: str
    data: Path
    qdrant_path: Path  # for Qdrant's local mode, inside one process

    def __repr__(self) -> str:
        return f"Addresses(data={str(self.data)!r})"


@asynccontextmanager
async def embedded(data: Path, *, nats_port: int = 0) -> AsyncIterator[Addresses]:
    """Run both servers on `data` during the block; restart what dies, and end both on the way out.

    Call it from a thread that lives as long as the block: the servers end when that thread does.

    Args:   nats_port: 0 takes the folder's previous port if it is free, else any free one.
    Raises: AlreadyRunning; ChildFailed when a server does not start, or later, cancelling the
            block, when one died too often in a row.
    """
    data = make_folders(data)
    with held(data):
        nats, postgres = NatsServer(data, credential(data), nats_port), PostgresServer(data)
        published = data / "addresses.json"
        try:
            await side_by_side(nats.start(), postgres.start())
            addresses = _addresses(data, nats, postgres)
            write_private(published, msgspec.json.encode(addresses, enc_hook=_path_text).decode())
            async with kept_running(nats.child, postgres.child):
                yield addresses
        finally:
            published.unlink(missing_ok=True)
            await side_by_side(nats.stop(), postgres.stop())


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


def _addresses(data: Path, nats: NatsServer, postgres: PostgresServer) -> Addresses:
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
