"""A recogniser fails in the middle of a turn, and the next one is given the turn again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from stt_doubles import Recording, RecordingEar
from stt_telephone import Telephone, until
from vendors.deepgram import DeepgramServer, Line, deepgram_server
from vendors.serving import Refusal

from contracts.agent import Agent, Fallback, Provider, Turns
from contracts.ids import new_host_id
from contracts.transcript import RecogniserSwitched, TranscriptFinalized, UtteranceMisheard
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.audio.frames import FRAME_BYTES
from services.stt.app import serve
from services.stt.provider import Heard, RecognitionFailed, SpeechToText
from services.stt.providers.deepgram import Deepgram
from services.stt.providers.scripted import Scripted

pytestmark = pytest.mark.timeout(40)

QUICK = Turns(stop_ms=20, silence_ms=80)
HELLO = Heard(text="hello", final=True)
BROKEN = RecognitionFailed("first", "disconnected", retryable=True)
REJECTED = RecognitionFailed("first", "unauthorized", retryable=False)
SCRIPTED = Fallback(provider="scripted", options={"lines": ["hello again"]})


def agent(first: str, *others: Fallback, **waits_ms: int) -> Agent:
    stt = Provider(provider=first, fallbacks=others, **waits_ms)  # type: ignore[arg-type]
    return Agent(name="a", turns=QUICK, stt=stt)


@asynccontextmanager
async def hosting(bus: Bus, providers: Mapping[str, SpeechToText]) -> AsyncIterator[None]:
    host = new_host_id("stt")
    async with serve(bus, NatsJournal(bus), Agents(bus), providers, host=host):
        yield


def named(name: str, **capabilities: bool) -> Recording:
    recording = Recording(**capabilities)
    recording.name = name
    return recording


def frames(first: int, last: int) -> list[bytes]:
    """Frames that can be told apart."""
    return [bytes([number]) * FRAME_BYTES for number in range(first, last + 1)]


async def ear_of(recording: Recording) -> RecordingEar:
    async with asyncio.timeout(20):
        await until(lambda: bool(recording.ears))
    return recording.ears[0]


async def switched(call: Telephone) -> RecogniserSwitched:
    (event,) = await call.wait_for(RecogniserSwitched)
    assert isinstance(event, RecogniserSwitched)
    return event


async def test_an_ear_that_fails_amid_speech_is_replaced_by_one_that_hears_the_whole_turn(
    bus: Bus, tenant: str
) -> None:
    first, second = named("first"), named("second")
    call = await Telephone.ring(bus, agent("first", Fallback(provider="second")), tenant)
    async with hosting(bus, {"first": first, "second": second}):
        ear = await ear_of(first)
        await call.start_speech()
        call.send(frames(1, 20))
        await until(lambda: len(ear.fed) == 20)
        ear.say(Heard(text="hel"))
        ear.say(BROKEN)
        event = await switched(call)
        call.send(frames(21, 40))
        await call.end_speech()
        other = await ear_of(second)
        await other.finished.acquire()
        other.say(HELLO)
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert other.fed == frames(1, 40)
    assert (event.from_provider, event.to_provider, event.utterance) == ("first", "second", 1)
    assert (event.kind, event.stage, event.wait_ms) == ("disconnected", "amid", 0.0)
    assert isinstance(stored, TranscriptFinalized)
    assert (stored.text, stored.provider) == ("hello", "second")
    assert len(first.ears) == 1


async def test_an_ear_that_gives_no_words_in_time_is_replaced_by_one_that_is_asked_for_them(
    bus: Bus, tenant: str
) -> None:
    first = named("first")
    call = await Telephone.ring(bus, agent("first", SCRIPTED, first_ms=100), tenant)
    async with hosting(bus, {"first": first, "scripted": Scripted()}):
        await ear_of(first)
        await call.say(frames(1, 40))
        (stored,) = await call.wait_for(TranscriptFinalized)
        event = await switched(call)
    assert isinstance(stored, TranscriptFinalized)
    assert (stored.text, stored.provider) == ("hello again", "scripted")
    assert (event.kind, event.stage) == ("timeout", "first")
    assert event.wait_ms >= 100


async def test_a_recogniser_that_can_not_be_opened_is_passed_over_before_a_word_is_said(
    bus: Bus, tenant: str
) -> None:
    call = await Telephone.ring(bus, agent("absent", SCRIPTED), tenant)
    async with hosting(bus, {"scripted": Scripted()}):
        event = await switched(call)
        await call.say(frames(1, 40))
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert (event.stage, event.utterance) == ("connect", 0)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.provider == "scripted"


async def test_one_that_ends_turns_itself_is_replaced_by_one_that_leaves_it_to_the_silence(
    bus: Bus, tenant: str
) -> None:
    """Else the pause would be waited out as for the first one, a second and a half longer."""
    first, second = named("first", end_of_turn=True, continuous=True), named("second")
    call = await Telephone.ring(bus, agent("first", Fallback(provider="second")), tenant)
    async with hosting(bus, {"first": first, "second": second}):
        ear = await ear_of(first)
        call.send(frames(1, 5))
        await until(lambda: len(ear.fed) == 5)
        ear.say(BROKEN)
        other = await ear_of(second)
        call.send(frames(6, 10))
        await call.say(frames(11, 40))
        await other.finished.acquire()
        call.send(frames(41, 45))
        other.say(HELLO)
        await call.wait_for(TranscriptFinalized)
    assert other.fed[-30:] == frames(11, 40)


async def test_one_that_hears_speech_only_is_replaced_by_one_that_wants_the_silence_too(
    bus: Bus, tenant: str
) -> None:
    first, second = named("first"), named("second", end_of_turn=True, continuous=True)
    call = await Telephone.ring(bus, agent("first", Fallback(provider="second")), tenant)
    async with hosting(bus, {"first": first, "second": second}):
        (await ear_of(first)).say(REJECTED)
        other = await ear_of(second)
        await until(lambda: bool(second.ears))
        call.send(frames(1, 5))
        await until(lambda: len(other.fed) == 5)
        await call.start_speech()
        other.say(HELLO)  # it ends the turn by itself
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.provider == "second"


async def test_a_turn_is_lost_only_when_all_recognisers_failed_on_it(bus: Bus, tenant: str) -> None:
    first, second = named("first"), named("second")
    call = await Telephone.ring(bus, agent("first", Fallback(provider="second")), tenant)
    async with hosting(bus, {"first": first, "second": second}):
        ear = await ear_of(first)
        await call.say(frames(1, 40))
        await ear.finished.acquire()
        ear.say(BROKEN)
        other = await ear_of(second)
        await other.finished.acquire()
        other.say(BROKEN)
        (misheard,) = await call.wait_for(UtteranceMisheard)
    assert isinstance(misheard, UtteranceMisheard)
    assert (misheard.reason, misheard.provider) == ("provider_failed", "second")


async def test_calls_share_what_they_learn_of_a_recogniser(bus: Bus, tenant: str) -> None:
    first = named("first")
    chain = agent("first", SCRIPTED)
    async with hosting(bus, {"first": first, "scripted": Scripted()}):
        call = await Telephone.ring(bus, chain, tenant)
        (await ear_of(first)).say(REJECTED)
        await switched(call)
        later = await Telephone.ring(bus, chain, tenant)
        await later.say(frames(1, 40))
        (stored,) = await later.wait_for(TranscriptFinalized)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.provider == "scripted"
    assert len(first.ears) == 1


@asynccontextmanager
async def deepgram() -> AsyncIterator[tuple[DeepgramServer, Mapping[str, SpeechToText]]]:
    async with deepgram_server() as server:
        adapter = Deepgram(server.key, server.url, final_ms=100)
        yield server, {"deepgram": adapter, "scripted": Scripted()}


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_deepgram_refusing_the_line_costs_no_turn(bus: Bus, tenant: str, status: int) -> None:
    async with deepgram() as (server, providers), hosting(bus, providers):
        server.refusal = Refusal(status, {"err_code": "X", "err_msg": "no", "request_id": "r"})
        call = await Telephone.ring(bus, agent("deepgram", SCRIPTED), tenant)
        event = await switched(call)
        await call.say(frames(1, 60))
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert event.stage == "connect"
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "hello again"


async def test_deepgram_hanging_up_amid_the_turn_costs_no_turn(bus: Bus, tenant: str) -> None:
    async def hangs_up(line: Line) -> None:
        await line.heard(20 * FRAME_BYTES)
        await line.results("hel")
        line.break_off()

    async with deepgram() as (server, providers), hosting(bus, providers):
        server.script = hangs_up
        call = await Telephone.ring(bus, agent("deepgram", SCRIPTED), tenant)
        await until(lambda: bool(server.lines))
        await call.say(frames(1, 60))
        (stored,) = await call.wait_for(TranscriptFinalized)
        event = await switched(call)
    assert event.kind == "disconnected"
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "hello again"


async def test_deepgram_falling_silent_costs_no_turn(bus: Bus, tenant: str) -> None:
    async with deepgram() as (server, providers), hosting(bus, providers):
        call = await Telephone.ring(bus, agent("deepgram", SCRIPTED, first_ms=5_000), tenant)
        await until(lambda: bool(server.lines))
        await call.start_speech()
        call.send(frames(1, 60))
        await call.end_speech()
        await call.lose_line()  # so that the turn is over, without the patience for its own signal
        (stored,) = await call.wait_for(TranscriptFinalized)
        event = await switched(call)
    assert (event.kind, event.stage) == ("timeout", "first")
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "hello again"
