"""How long a caller is without a line when a gateway is killed: python -m loadtest.line_gap.

Two gateways as processes behind one address, the other roles in a third. In the middle of a reply
the gateway that has the line is killed with SIGKILL; the carrier, on the loopback, asks the other
one at once. The gap is counted from the kill to the first sound of the agent on the new line. A
carrier's own time to notice and to reconnect comes on top.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import uvloop

from contracts.ids import TenantId
from infra.embedded import running
from infra.nats import connect
from services.cli.caller import Break, place_call
from services.cli.publish import publish

_SCENARIO: Final = Path(__file__).parent / "agents" / "talkative.toml"
_OTHERS: Final = ("rag", "tts", "dialog", "stt")
_SECRET: Final = {"PARTYLINE_TOKEN_SECRET": "shared by both gateways"}
_READY_S: Final = 60.0


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One kill, in milliseconds, part by part."""

    noticed: float  # kill to the carrier's socket broken
    answered: float  # to the other gateway's TwiML
    connected: float  # to the new socket's start
    spoken: float  # to the agent's first sound on it
    whole: float


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`partyline ...` as a process that is ready; it is stopped on the way out."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **_SECRET},
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(_READY_S):
            while line := (await child.stdout.readline()).decode():
                if "Partyline serves" in line or "servers are ready" in line:
                    break
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()


async def measure(kills: int) -> list[Gap]:
    """A call for each kill; the gateway that took it over is the next one killed."""
    async with AsyncExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="partyline-gap-"))
        await stack.enter_async_context(program("up", "--no-roles", "--data", data))
        addresses = running(Path(data))
        assert addresses is not None
        await stack.enter_async_context(program("serve", *_OTHERS, "--data", data))
        bus = await connect(addresses.nats_url, name="line gap")
        await publish(bus, TenantId("main"), _SCENARIO)
        await bus.close()
        gaps, victim = [], await stack.enter_async_context(_gateway(data))
        for _ in range(kills):
            heir = await stack.enter_async_context(_gateway(data))
            gaps.append(await _one(victim, heir))
            victim = heir
        return gaps


class Gateway(NamedTuple):
    """A process and where it listens."""

    child: asyncio.subprocess.Process
    url: str


@asynccontextmanager
async def _gateway(data: str) -> AsyncIterator[Gateway]:
    port = _free_port()
    async with program("serve", "gateway", "--data", data, "--port", str(port)) as child:
        yield Gateway(child, f"http://127.0.0.1:{port}")


async def _one(victim: Gateway, heir: Gateway) -> Gap:
    async with place_call([victim.url, heir.url], agent="talkative") as caller:
        await caller.hear_first_audio(10.0)
        await asyncio.sleep(1.0)
        killed_at = time.monotonic()
        victim.child.kill()
        return _gap(killed_at, await caller.hear_again(20.0))


def _gap(killed_at: float, broken: Break) -> Gap:
    times = (killed_at, broken.lost_at, broken.asked_at, broken.returned_at, broken.heard_at)
    parts = [round((b - a) * 1000, 1) for a, b in pairwise(times)]
    whole = round((times[-1] - times[0]) * 1000, 1)
    return Gap(
        noticed=parts[0], answered=parts[1], connected=parts[2], spoken=parts[3], whole=whole
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.line_gap", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--json", type=Path, help="write every kill's parts there")
    given = parser.parse_args()
    gaps = uvloop.run(measure(given.kills))
    for part in Gap.__struct_fields__:
        values = [getattr(gap, part) for gap in gaps]
        p50, p99, most = _at(values, 0.5), _at(values, 0.99), max(values)
        print(f"{part:>10}  p50 {p50:7.1f}  p99 {p99:7.1f}  max {most:7.1f} ms")
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(gaps)) + b"\n")


if __name__ == "__main__":
    main()
