"""What is called: Partyline, in one process or with a process for each role, on one core."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from contracts.agent import Agent
from infra.embedded import Addresses, running
from infra.nats import connect, create_streams
from loadtest.load.cores import CORES, move, on
from loadtest.load.scenario import AGENT
from loadtest.proc import family
from services.cli.agent_file import read_agent
from services.cli.fleet import Crew, fleet
from services.cli.places import of_stack
from services.cli.publish import publish
from services.cli.roles import ROLES
from services.cli.settings import Settings
from services.cli.up import GATEWAY_URL

_START_S: Final = 90.0


class DidNotStart(Exception):
    """The system under test did not come up. Says where to look."""


class System(msgspec.Struct, frozen=True, kw_only=True):
    """A system that takes calls."""

    name: str
    ring_url: str  # the webhook
    roots: Mapping[str, int]  # its processes, by what they are to be called
    silence_ms: int  # that it is told to wait before it answers: no part of the wait added
    addresses: Addresses | None = None  # of its servers, where they can be asked


@asynccontextmanager
async def partyline(data: Path, *, apart: bool = False, voice: str = "") -> AsyncIterator[System]:
    """The platform on `data`, with providers that cost no time.

    Args:   apart: a process for each role.
            voice: how its sound comes, see `services/tts/providers/tone.py`; empty: all at once.
    Raises: DidNotStart.
    """
    async with AsyncExitStack() as stack:
        with on(CORES.system):
            pid = await stack.enter_async_context(_up(data, roles=not apart))
            addresses = await _addresses(data)
            await _publish(addresses, voice)
            roots = {"servers" if apart else "roles": pid}
            if apart:
                url, own = await stack.enter_async_context(_roles(addresses, data))
                roots |= own
            else:
                url = await _noted(data / GATEWAY_URL)
        move(family(pid).get("postgres", ()), CORES.callers)
        yield System(
            name="partyline",
            ring_url=f"{url}/twilio/voice?agent={read_agent(AGENT).name}",
            roots=roots,
            silence_ms=_silence_ms(),
            addresses=addresses,
        )


@asynccontextmanager
async def process(*command: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program until the block's end; then SIGTERM."""
    with log.open("ab") as out:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()


async def until_there(child: asyncio.subprocess.Process, file: Path, log: Path) -> None:
    """Wait until the program has written the file. Raises DidNotStart."""
    try:
        async with asyncio.timeout(_START_S):
            while not file.exists():
                if child.returncode is not None:
                    break
                await asyncio.sleep(0.05)
            else:
                return
    except TimeoutError:
        pass
    raise DidNotStart(f"The system did not start: {log.read_text()[-2_000:]}")


@asynccontextmanager
async def _up(data: Path, *, roles: bool) -> AsyncIterator[int]:
    data.mkdir(parents=True, exist_ok=True)
    wanted = ("--no-example",) if roles else ("--no-roles",)
    command = (sys.executable, "-m", "services.cli", "up", *wanted, "--data", str(data))
    log = data / "up.log"
    async with process(*command, log=log) as child:
        await until_there(child, data / (GATEWAY_URL if roles else "addresses.json"), log)
        yield child.pid


async def _addresses(data: Path) -> Addresses:
    async with asyncio.timeout(_START_S):
        while (found := running(data)) is None:
            await asyncio.sleep(0.05)
    return found


async def _noted(file: Path) -> str:
    async with asyncio.timeout(_START_S):
        while not (text := file.read_text()):
            await asyncio.sleep(0.01)  # it is just being written
    return text


@asynccontextmanager
async def _roles(
    addresses: Addresses, data: Path
) -> AsyncIterator[tuple[str, Mapping[str, int]]]:
    """A process for each role: the gateway's address, and the processes."""
    places = of_stack(addresses, Settings(data=data))
    port = _free_port()
    crews = [
        Crew(name=role, roles=(role,), places=places, port=port if role == "gateway" else 0)
        for role in ROLES
    ]
    async with fleet(crews, data / "roles") as serving:
        yield f"http://127.0.0.1:{port}", {name: each.pid for name, each in serving.items()}


async def _publish(addresses: Addresses, voice: str) -> None:
    bus = await connect(addresses.nats_url, name="load")
    try:
        await create_streams(bus)
        spoken = partial(_with_voice, voice=voice)
        await publish(bus, Settings().tenant, AGENT, changed=spoken)
    finally:
        await bus.close()


def _with_voice(agent: Agent, voice: str) -> Agent:
    return replace(agent, voice=replace(agent.voice, model=voice))


def _silence_ms() -> int:
    turns = read_agent(AGENT).turns
    return turns.stop_ms + turns.silence_ms


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """Ours, without the virtual environment we run in: for programs of another."""
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
