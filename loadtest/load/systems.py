"""What is called: Partyline, in one process or with a process for each role, on one core."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from contracts.agent import Agent
from infra.embedded import Addresses, running
from infra.loopback_ports import free_port
from infra.nats import connect, create_streams
from infra.postgres import connect_pool
from loadtest.load.cores import CORES, move, on
from loadtest.load.endless import endless
from loadtest.load.scenario import AGENT
from loadtest.proc import family
from projections.run import caught_up
from services.cli.agent_file import read_agent
from services.cli.fleet import Crew, fleet
from services.cli.places import of_stack
from services.cli.publish import publish
from services.cli.roles import ROLES
from services.cli.settings import Settings
from services.cli.up import GATEWAY_URL
from services.tts.providers.tone import MS_PER_CHARACTER

_START_S: Final = 90.0
Found = TypeVar("Found")


class DidNotStart(Exception):
    """The system under test did not come up. What it said is on stderr."""


class System(msgspec.Struct, frozen=True, kw_only=True):
    """A system that takes calls."""

    name: str
    ring_url: str  # the webhook
    roots: Mapping[str, int]  # its processes, by what they are to be called
    stop_ms: int = 0  # of silence that end an utterance; a part of
    silence_ms: int  # that it is told to wait before it answers: no part of the wait added
    reply_ms: float  # how long each answer is to the ear
    addresses: Addresses | None = None  # of its servers, where they can be asked


@asynccontextmanager
async def partyline(
    data: Path, *, apart: bool = False, voice: str = "", agent: Path = AGENT
) -> AsyncIterator[System]:
    """The platform on `data`; `agent` says what is said, by providers that cost no time.

    Args:   apart: a process for each role.
            voice: how its sound comes, see `services/tts/providers/tone.py`; empty: all at once.
    Raises: DidNotStart.
    """
    wanted = ("--no-roles",) if apart else ("--no-example",)
    command = (sys.executable, "-m", "services.cli", "up", *wanted, "--data", str(data))
    told = read_agent(agent)
    async with AsyncExitStack() as stack:
        with on(CORES.system):
            child = await stack.enter_async_context(process(*command))
            addresses = await until(lambda: running(data), child)
            await _publish(addresses, agent, voice)
            roots = {"servers" if apart else "roles": child.pid}
            if apart:
                url, own = await stack.enter_async_context(_roles(addresses, data))
                roots |= own
            else:
                url = await until(lambda: text_in(data / GATEWAY_URL), child)
        await _tables(addresses)
        move(family(child.pid).get("postgres", ()), CORES.callers)
        yield System(
            name="partyline",
            ring_url=f"{url}/twilio/voice?agent={told.name}",
            roots=roots,
            stop_ms=told.turns.stop_ms,
            silence_ms=told.turns.stop_ms + told.turns.silence_ms,
            reply_ms=reply_ms(sentences(told)),
            addresses=addresses,
        )


@asynccontextmanager
async def process(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program until the block's end; then SIGTERM."""
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()


async def until(look: Callable[[], Found | None], child: asyncio.subprocess.Process) -> Found:
    """What `look` finds, as soon as it finds something. Raises DidNotStart."""
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and child.returncode is None:
        if found := look():
            return found
        await asyncio.sleep(0.05)
    raise DidNotStart("The system did not start; what it said is above.")


def text_in(file: Path) -> str:
    """Empty while it is not written."""
    return file.read_text() if file.exists() else ""


@asynccontextmanager
async def _roles(addresses: Addresses, data: Path) -> AsyncIterator[tuple[str, Mapping[str, int]]]:
    """A process for each role: the gateway's address, and the processes."""
    places = of_stack(addresses, Settings(data=data))
    port = free_port()
    crews = [
        Crew(name=role, roles=(role,), places=places, port=port if role == "gateway" else 0)
        for role in ROLES
    ]
    async with fleet(crews, data / "roles") as serving:
        yield f"http://127.0.0.1:{port}", {name: each.pid for name, each in serving.items()}


async def _tables(addresses: Addresses) -> None:
    """Wait until rows come into tables that are made."""
    pool = await connect_pool(addresses.postgres_dsn, size=1)
    try:
        await caught_up(pool, 0, within_s=_START_S)
    finally:
        await pool.close()


async def _publish(addresses: Addresses, agent: Path, voice: str) -> None:
    bus = await connect(addresses.nats_url, name="load")
    try:
        await create_streams(bus)
        spoken = partial(_with_voice, voice=voice)
        await publish(bus, Settings().tenant, agent, changed=spoken)
        await publish(bus, Settings().tenant, agent, changed=endless)
    finally:
        await bus.close()


def _with_voice(agent: Agent, voice: str) -> Agent:
    return replace(agent, voice=replace(agent.voice, model=voice))


def sentences(agent: Agent) -> str:
    """What it answers, each time."""
    return str(agent.llm.options["text"])


def reply_ms(text: str) -> float:
    """How long that is, spoken sentence by sentence as a tone."""
    between = text.count(". ")  # spaces between sentences are not spoken
    return float((len(text) - between) * MS_PER_CHARACTER)
