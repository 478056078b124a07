"""Calls whose turns a vendor ends: real ears over real sockets, from the line to the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.msg import Msg
from stt_telephone import Telephone
from vendors.deepgram_flux import FluxLine, FluxServer, flux_server

from contracts.agent import Agent, Provider, Turns
from contracts.codec import Codec
from contracts.ids import new_host_id
from contracts.streams import DRAFT, live_subject
from contracts.transcript import TranscriptDrafted, TranscriptFinalized
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.stt.app import serve
from services.stt.providers.deepgram_flux import DeepgramFlux

EARLY = Agent(
    name="clinic",
    turns=Turns(stop_ms=20, silence_ms=10_000),  # silence alone would take too long
    stt=Provider(provider="deepgram-flux", options={"eager_eot_threshold": 0.4}),
)
FRAMES = [b"\x7e" * 160] * 20


@pytest.fixture
async def flux() -> AsyncIterator[FluxServer]:
    async with flux_server() as server:
        yield server


@asynccontextmanager
async def hosting(bus: Bus, vendor: FluxServer) -> AsyncIterator[None]:
    ears = DeepgramFlux(vendor.key, vendor.url)
    providers = {ears.name: ears}
    async with serve(bus, NatsJournal(bus), Agents(bus), providers, host=new_host_id("stt")):
        yield
    await ears.close()


async def drafts(call: Telephone, bus: Bus) -> list[str]:
    """The drafts of a call's turns, growing as they come."""
    told: list[str] = []

    async def on_draft(message: Msg) -> None:
        for event in Codec().decode(call.claim.call, message.data).events:
            assert isinstance(event, TranscriptDrafted)
            told.append(event.text)

    await bus.nc.subscribe(live_subject(call.claim.tenant, call.claim.call, DRAFT), cb=on_draft)
    await bus.nc.flush()
    return told


async def test_a_turn_that_was_thought_over_and_went_on_is_stored_once_and_whole(
    bus: Bus, tenant: str, flux: FluxServer
) -> None:
    async def script(line: FluxLine) -> None:
        await line.heard(len(FRAMES) * 160)
        await line.start("I want to cancel")
        await line.eager("I want to cancel")
        await line.resume("I want to cancel my")
        await line.eager("I want to cancel my subscription.")
        await line.end("I want to cancel my subscription.")

    flux.script = script
    call = await Telephone.ring(bus, EARLY, tenant)
    told = await drafts(call, bus)
    async with hosting(bus, flux):
        await call.say(FRAMES)
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert isinstance(stored, TranscriptFinalized)
    assert (stored.text, stored.utterance) == ("I want to cancel my subscription.", 1)
    assert stored.provider == "deepgram-flux"
    assert told[-1] == "I want to cancel my subscription."
    transcript = await call.transcript()
    assert not [event for event in transcript if isinstance(event, TranscriptDrafted)]
    assert sum(isinstance(event, TranscriptFinalized) for event in transcript) == 1


async def test_a_line_that_breaks_amid_a_turn_ends_it_for_the_vendor_too(
    bus: Bus, tenant: str, flux: FluxServer
) -> None:
    heard = asyncio.Event()

    async def script(line: FluxLine) -> None:
        await line.heard(len(FRAMES) * 160)
        await line.start("My number is")
        heard.set()
        await line.told("ForceEndTurn")
        await line.end("My number is four", trigger="manual")

    flux.script = script
    call = await Telephone.ring(bus, EARLY, tenant)
    async with hosting(bus, flux):
        await call.start_speech()
        call.send(FRAMES)
        async with asyncio.timeout(10):
            await heard.wait()
        await call.lose_line()
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "My number is four"
