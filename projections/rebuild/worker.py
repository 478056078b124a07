"""A process that fills chunks: `python -m projections.rebuild`.

It reads a Job from its first line of input, then a chunk from each further line, and answers each
with a line: a Filled, or an Unfilled. It ends with its input.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from contracts.codec import Codec
from contracts.journal import JournalUnavailable
from infra.archive import open_archive
from infra.master_key import read_master_key
from infra.nats import connect
from infra.postgres import AWAY, connect_pool
from infra.vault import Vault
from projections import PROJECTIONS
from projections.generations import Generation
from projections.reading import LogAway
from projections.rebuild.filling import Filling
from projections.rebuild.plan import Chunk


class Servers(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker connects to. Holds credentials: it comes by a pipe, not by arguments."""

    nats: str
    postgres: str
    master_key: str = ""  # file; empty: nothing is sealed
    archive: str = ""  # folder or s3://bucket/prefix; empty: none
    compiled: str = ""  # folder where machine code is kept; empty: workers are interpreted

    def __repr__(self) -> str:
        return "Servers(...)"


class Job(msgspec.Struct, kw_only=True):
    """What to fill."""

    servers: Servers
    rebuild: int
    last: int  # stream sequence
    generations: dict[str, int]  # numbers by the projection's name


class Unfilled(msgspec.Struct, tag="unfilled"):
    """A chunk that can be tried again."""

    why: str  # kinds, never texts


async def work() -> None:
    """Until the input ends."""
    lines = _lines()
    job = msgspec.json.decode(await anext(lines), type=Job)
    by_name = {each.name: each for each in PROJECTIONS}
    generations = [
        Generation(by_name[name], number, "filling") for name, number in job.generations.items()
    ]
    bus = await connect(job.servers.nats, name="partyline rebuild")
    pool = await connect_pool(job.servers.postgres, size=2, command_s=0)
    master = read_master_key(Path(job.servers.master_key)) if job.servers.master_key else None
    codec = Codec(Vault(bus, master))
    archive = open_archive(job.servers.archive, codec) if job.servers.archive else None
    filling = Filling(bus, pool, generations, codec, archive)
    gc.collect()
    gc.freeze()  # what is here stays: not to be looked through after each chunk
    try:
        async for line in lines:
            chunk = msgspec.json.decode(line, type=Chunk)
            _answer(await _filled(filling, job, chunk))
            gc.collect()  # what failures and the like have left
    finally:
        await filling.close()
        await pool.close()
        await bus.close()


async def _filled(filling: Filling, job: Job, chunk: Chunk) -> msgspec.Struct:
    try:
        return await filling.fill(job.rebuild, chunk, job.last)
    except (LogAway, JournalUnavailable, *AWAY) as away:
        return Unfilled(type(away).__name__)


async def _lines() -> AsyncIterator[bytes]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        yield line


def _answer(what: msgspec.Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()
