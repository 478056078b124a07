"""The log goes away in the middle of a call, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from eventually import eventually_async
from lines import Hosts, a_line, an_agent, ended
from told import Piece, Told

from contracts import dialog
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from services.dialog.provider import Delta, Prompt


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(make_folders(tmp_path), "secret")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def own_bus(server: NatsServer) -> AsyncIterator[Bus]:
    bus = await connect(server.url, name="away-test")
    await create_streams(bus)
    yield bus
    await bus.close()


async def test_a_decision_waits_for_the_log_and_is_recorded_once(
    server: NatsServer,
    own_bus: Bus,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = asyncio.Event()

    async def answer(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta("Before it went. While ")
        await away.wait()
        yield Delta("it was away. And after.")

    async def waits() -> bool:
        return "waits for the log" in caplog.text

    hosts = Hosts(own_bus, http)
    journal = NatsJournal(own_bus, patience_s=0.2)
    async with a_line(own_bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(answer), journal=journal)
        await call.greet()
        await call.say("hello there")
        await call.next(dialog.SentenceWritten)
        await server.stop()
        away.set()
        await eventually_async(waits)
        await server.start()
        finished = await call.next(dialog.ReplyFinished)
        assert finished.sentences == 3
        await call.hang_up()
        await ended(hosting)
        await call.adds_up()
        written = [e for e in await call.decided() if isinstance(e, dialog.SentenceWritten)]
        assert [(e.reply, e.sentence, e.text) for e in written] == [
            (1, 1, "Hello."),
            (2, 1, "Before it went."),
            (2, 2, "While it was away."),
            (2, 3, "And after."),
        ]
