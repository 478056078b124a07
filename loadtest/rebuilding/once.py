"""One rebuild in a process of its own, as `partyline rebuild --all` is one.

python -m loadtest.rebuilding.once: reads a Wanted from its input, rebuilds, waits for a line, so
that it can be looked at to its very end, and says what it did as a Done.
"""

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from contracts.codec import Codec
from infra.master_key import read_master_key
from infra.nats import connect
from infra.postgres import connect_pool
from infra.vault import Vault
from loadtest.rebuilding.figures import Rebuild
from loadtest.rebuilding.memory import Watch, watched
from projections import PROJECTIONS
from projections.rebuild import Servers, rebuild


class Wanted(msgspec.Struct, kw_only=True):
    """What to rebuild. Holds credentials: it comes by a pipe."""

    servers: Servers
    workers: int


class Done(msgspec.Struct, kw_only=True):
    """What was rebuilt."""

    events: int
    rows: int
    filled_s: float
    took_s: float
    compiled: bool


class NotRebuilt(Exception):
    """The rebuild failed; why stands on the error stream."""


async def rebuilt_once(servers: Servers, workers: int, watch: Watch) -> Rebuild:
    """Rebuild all tables in another process. Raises NotRebuilt."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.rebuilding.once"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(msgspec.json.encode(Wanted(servers=servers, workers=workers)) + b"\n")
        async with watched(child.pid, watch):
            said = await child.stdout.readline()
            watch.look(child.pid)
        child.stdin.close()
        code = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code or not said:
        raise NotRebuilt(f"the rebuild ended with exit code {code}")
    done = msgspec.json.decode(said, type=Done)
    return Rebuild(**msgspec.structs.asdict(done), workers=workers, memory=watch.memory)


async def work(wanted: Wanted) -> Done:
    """The time is that of the call: from nothing until all tables are live."""
    servers = wanted.servers
    bus = await connect(servers.nats, name="bench rebuild")
    pool = await connect_pool(servers.postgres, command_s=0)
    key = servers.master_key
    codec = Codec(Vault(bus, read_master_key(Path(key)))) if key else Codec()
    try:
        began_s = time.perf_counter()
        done = await rebuild(
            bus, pool, PROJECTIONS, workers=wanted.workers, servers=servers, codec=codec
        )
        took_s = time.perf_counter() - began_s
    finally:
        await pool.close()
        await bus.close()
    return Done(
        events=done.events,
        rows=done.rows,
        filled_s=done.filled_s,
        took_s=took_s,
        compiled=done.compiled,
    )


def main() -> None:
    """The program."""
    wanted = msgspec.json.decode(sys.stdin.buffer.readline(), type=Wanted)
    done = uvloop.run(work(wanted))
    sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
    sys.stdout.buffer.flush()
    sys.stdin.buffer.readline()


if __name__ == "__main__":
    main()
