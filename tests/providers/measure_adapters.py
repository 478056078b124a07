"""What the adapters themselves cost: their vendors are on loopback, and answer at once.

    ./just measure-adapters [--only NAME] [--json FILE]

The vendors run in a process of their own, and so does each adapter while it is measured: CPU and
memory are its own and its SDK's. A port's part is `measure_<port>.py`: its VENDORS, by name; its
ADAPTERS, by name; and `measure`, which takes an adapter's name and the vendors' addresses.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import measure_ears
import measure_voice_sockets
import measure_voices
import measure_whole_turns
import msgspec
from measuring import Measured
from rich.console import Console
from rich.table import Table
from vendors.serving import serving

PORTS = {
    "ear": measure_ears,
    "ear of whole turns": measure_whole_turns,
    "voice": measure_voices,
    "voice over a socket": measure_voice_sockets,
}


async def serve_vendors() -> None:
    """Each vendor on a port of its own, until nobody is there any more."""
    async with AsyncExitStack() as stack:
        addresses = {
            name: await stack.enter_async_context(serving(*vendor().routes()))
            for port in PORTS.values()
            for name, vendor in port.VENDORS.items()
        }
        print(json.dumps(addresses), flush=True)
        await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def vendors() -> AsyncIterator[str]:
    """Their addresses, host:port by name, as JSON."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", stdin=pipe, stdout=pipe
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield (await child.stdout.readline()).decode()
    finally:
        child.stdin.close()
        await child.wait()


async def measure_alone(port: str, name: str, addresses: str) -> Measured:
    """One adapter in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--one", port, name, addresses),
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await child.communicate()
    if child.returncode:
        raise SystemExit(f"{port} {name}: could not be measured")
    return msgspec.json.decode(written, type=Measured)


async def measure_one(port: str, name: str, addresses: str) -> None:
    figures = await PORTS[port].measure(name, json.loads(addresses))
    sys.stdout.buffer.write(msgspec.json.encode(figures))


async def measure_all(only: str) -> list[Measured]:
    async with vendors() as addresses:
        return [
            await measure_alone(port, name, addresses)
            for port, part in PORTS.items()
            for name in part.ADAPTERS
            if only in f"{port} {name}"
        ]


def show(rows: Sequence[Measured]) -> None:
    table = Table(title="What an adapter costs; its vendor answers at once", box=None)
    table.add_column("adapter")
    for name in Measured.FIGURES:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(row.adapter, *map(row.figure, Measured.FIGURES))
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="adapters that have this in their name")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve_vendors())
    elif given.one:
        asyncio.run(measure_one(*given.one))
    else:
        rows = asyncio.run(measure_all(given.only))
        show(rows)
        if given.json:
            given.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))


if __name__ == "__main__":
    main()
