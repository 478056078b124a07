"""The peer's figure: `peer_projection.py` in an environment that uv makes for it."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from infra.postgres import Pool
from loadtest.rebuilding.databases import fresh
from loadtest.rebuilding.figures import Peer

_SCRIPT: Final = Path(__file__).with_name("peer_projection.py")
_LIBRARIES: Final = ("eventsourcing[postgres]==9.5.6", "psycopg[binary]==3.3.9")
_DATABASE: Final = "bench_peer"


class NoPeer(Exception):
    """The peer could not be run. Says what to do."""


class _Done(msgspec.Struct):
    events: int
    rows: int
    took_s: float


async def peer(pool: Pool, dsn: str, events: int) -> Peer:
    """Run it on the same PostgreSQL: as it is, and without waiting for the disk. Raises NoPeer."""
    usual = await _run(pool, dsn, events, synchronous=True)
    unsynced = await _run(pool, dsn, events, synchronous=False)
    return Peer(events=events, events_per_s=usual, unsynced_events_per_s=unsynced)


async def _run(pool: Pool, dsn: str, events: int, *, synchronous: bool) -> float:
    if (uv := shutil.which("uv")) is None:
        raise NoPeer("There is no uv to run the peer with: install it, or use --peer-events 0.")
    options = {"synchronous_commit": "on" if synchronous else "off"}
    async with fresh(pool, dsn, _DATABASE, options):
        folder = parse_qs(urlsplit(dsn).query)["host"][0]
        said = await _said(uv, folder, _DATABASE, str(events))
    done = msgspec.json.decode(said, type=_Done)
    if not done.rows == done.events == events:
        raise NoPeer(f"The peer stored {done.rows} rows of {events} events.")
    return done.events / done.took_s


async def _said(uv: str, *arguments: str) -> bytes:
    with_ = [part for each in _LIBRARIES for part in ("--with", each)]
    command = (uv, "run", "--quiet", "--isolated", "--no-project", *with_, "python", str(_SCRIPT))
    child = await asyncio.create_subprocess_exec(
        *(*command, *arguments),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
    )
    try:
        said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()
    if child.returncode:
        raise NoPeer("The peer failed, see above. To go on without: --peer-events 0.")
    return said
