"""The schedule of faults, and the relay by which connections are cut."""

import asyncio
import contextlib
from argparse import ArgumentTypeError
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from loadtest.chaos.__main__ import named
from loadtest.chaos.faults import KINDS, schedule
from loadtest.chaos.relay import relay

CREWS = [f"{crew}-{n}" for crew in ("gateway", "stt", "dialog", "voice") for n in (1, 2)]


def test_a_seed_decides_everything() -> None:
    assert schedule(7, 120, CREWS) == schedule(7, 120, CREWS)
    assert schedule(7, 120, CREWS) != schedule(8, 120, CREWS)


def test_what_is_left_out_changes_nothing_else() -> None:
    all_of_it = schedule(7, 240, CREWS)
    without = schedule(7, 240, CREWS, without=frozenset({"pause", "kill:gateway"}))
    expected = [
        fault
        for fault in all_of_it
        if fault.kind != "pause" and not (fault.kind == "kill" and "gateway" in fault.target)
    ]
    assert without == expected
    assert len(without) < len(all_of_it)


def test_a_run_can_have_some_faults_only() -> None:
    faults = schedule(7, 240, CREWS, only=("restart:voice", "nats"))
    assert {fault.kind for fault in faults} == {"restart", "nats"}
    assert {f.target for f in faults if f.kind == "restart"} == {"voice-1", "voice-2"}


@pytest.mark.parametrize("unknown", ["nonsense", "kill:nobody", ":voice"])
def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(unknown: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"postgres.*voice"):
        named(unknown)
    assert named("restart:voice") == "restart:voice"


def test_in_twenty_runs_every_kind_befalls_every_crew() -> None:
    seen = {(f.kind, f.target) for seed in range(20) for f in schedule(seed, 120, CREWS)}
    assert {kind for kind, _ in seen} == set(KINDS)
    assert {target for kind, target in seen if kind == "kill"} == set(CREWS)


def test_a_server_is_given_time_between_its_deaths() -> None:
    for seed in range(20):
        deaths = [f.at_s for f in schedule(seed, 600, CREWS) if f.kind == "nats"]
        assert all(b - a >= 12 for a, b in pairwise(deaths))


async def test_a_cut_connection_breaks_and_none_is_taken_until_it_is_mended() -> None:
    async with echoing() as port, relay(port) as line:
        async with connected(line.port) as talk:
            assert await talk(b"hello") == b"hello"
            line.cut()
            assert await talk(b"there?") == b""
        async with connected(line.port) as talk:
            assert await talk(b"there?") == b""
        line.mend()
        async with connected(line.port) as talk:
            assert await talk(b"again") == b"again"


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """A server that says everything back: its port."""

    echoing = set[asyncio.Task[object] | None]()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        echoing.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                writer.write(data)
        await closed(writer)

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*filter(None, echoing))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
    """Gives a way to say something and get what comes back; nothing on a broken connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def talk(said: bytes) -> bytes:
        try:
            writer.write(said)
            return await reader.read(len(said))
        except ConnectionError:
            return b""

    try:
        yield talk
    finally:
        await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
