"""What goes wrong at a vendor, and what each recogniser makes of it: cases x adapters."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import pytest
from vendors import sockets
from vendors.cartesia import cartesia_server
from vendors.deepgram import deepgram_server
from vendors.deepgram_flux import flux_server
from vendors.elevenlabs_scribe import scribe_server
from vendors.groq_audio import groq_transcription
from vendors.openai_audio import openai_audio
from vendors.sarvam import saaras_server
from vendors.serving import Refusal, another_host
from vendors.strict import Vendor
from vendors.transcribing import Recording

from contracts.agent import Agent
from services.stt.provider import Heard, RecognitionFailed, SpeechToText
from services.stt.providers.cartesia import Cartesia
from services.stt.providers.deepgram import Deepgram
from services.stt.providers.deepgram_flux import DeepgramFlux
from services.stt.providers.elevenlabs import Scribe
from services.stt.providers.groq_whisper import GroqWhisper
from services.stt.providers.openai import OpenAITranscription
from services.stt.providers.sarvam import Sarvam

FRAME = (b"\x20" * 4 + b"\xa0" * 4) * 20  # 20 ms, loud: some recognisers are sent no silence
AGENT = Agent(name="clinic")
WORDS = "my number is four five six"
NOWHERE = "http://127.0.0.1:9"


class Broken(NamedTuple):
    """How a vendor's answer breaks, in its own protocol."""

    half: Callable[[Any], None]  # an answer that ends amid a message
    garbage: Callable[[Any], None]  # an answer that is no sense at all


def half_a_message(vendor: Any) -> None:
    async def script(line: sockets.Line) -> None:
        await line.until(lambda: bool(line.audio))
        line.say_half('{"type": "Results", "transcript": "' + WORDS + '"}')

    vendor.script = script


def no_json(vendor: Any) -> None:
    async def script(line: sockets.Line) -> None:
        await line.until(lambda: bool(line.audio))
        await line.say_raw("this is no JSON, " + WORDS)

    vendor.script = script


def half_a_body(vendor: Any) -> None:
    async def script(recording: Recording) -> None:
        await recording.raw(b'{"text": "' + WORDS.encode())
        recording.break_off()
        await recording.never()

    vendor.script = script


def no_object(vendor: Any) -> None:
    async def script(recording: Recording) -> None:
        await recording.raw(b"this is no JSON, " + WORDS.encode())

    vendor.script = script


SOCKET = Broken(half=half_a_message, garbage=no_json)

FORM = Broken(half=half_a_body, garbage=no_object)


class Adapter(NamedTuple):
    """A recogniser and its vendor on loopback."""

    vendor: Callable[[], AbstractAsyncContextManager[Vendor[Any]]]
    make: Callable[..., SpeechToText]  # of key and address; `open_ms`: wait for a connection
    broken: Broken


def groq_whisper(key: str, url: str, open_ms: int = 2_000) -> GroqWhisper:
    return GroqWhisper(key, url, wait_ms=open_ms)


def openai(key: str, url: str, open_ms: int = 2_000) -> OpenAITranscription:
    return OpenAITranscription(key, f"{url}/v1", wait_ms=open_ms)


ADAPTERS = {
    "deepgram": Adapter(deepgram_server, Deepgram, SOCKET),
    "deepgram-flux": Adapter(flux_server, DeepgramFlux, SOCKET),
    "cartesia": Adapter(cartesia_server, Cartesia, SOCKET),
    "elevenlabs": Adapter(scribe_server, Scribe, SOCKET),
    "sarvam": Adapter(saaras_server, Sarvam, SOCKET),
    "groq-whisper": Adapter(groq_transcription, groq_whisper, FORM),
    "openai": Adapter(openai_audio, openai, FORM),
}
SOCKETS = [name for name in ADAPTERS if ADAPTERS[name].broken is SOCKET]


class Fault(NamedTuple):
    """What goes wrong, and how the port calls it."""

    arrange: Callable[[Vendor[Any], Broken], None]
    kind: str
    retryable: bool
    retry_after_s: float | None = None


def answers(status: int, **headers: str) -> Callable[[Vendor[Any], Broken], None]:
    def arrange(vendor: Vendor[Any], broken: Broken) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        vendor.refusal = Refusal(status, {"message": WORDS}, named)

    return arrange


def stalls(vendor: Vendor[Any], broken: Broken) -> None:
    vendor.stalls = True


FAULTS = {
    "the request is wrong": Fault(answers(400), "refused", False),
    "the key is rejected": Fault(answers(401), "unauthorized", False),
    "the key may not do this": Fault(answers(403), "unauthorized", False),
    "the quota is exhausted": Fault(answers(402), "quota", False),
    "too many requests": Fault(answers(429), "rate_limited", True),
    "too many, wait": Fault(answers(429, Retry_After="7"), "rate_limited", True, 7.0),
    "a fault of the vendor": Fault(answers(500), "unavailable", True),
    "the vendor is overloaded": Fault(answers(503, Retry_After="3"), "unavailable", True, 3.0),
    "half a response": Fault(lambda v, broken: broken.half(v), "disconnected", True),
    "garbage": Fault(lambda v, broken: broken.garbage(v), "garbled", True),
    "it stalls": Fault(stalls, "timeout", True),
}


async def hear_out(ears: SpeechToText) -> None:
    """A turn, and whatever is heard after it."""
    ear = await ears.open(AGENT, "en-US")
    try:
        for _ in range(10):
            ear.feed(FRAME)
        ear.finish()
        async with asyncio.timeout(5):
            async for _ in ear.heard():
                pass
    finally:
        await ear.close()


async def failure(ears: SpeechToText) -> RecognitionFailed:
    """What comes of a turn, where only a failure can."""
    with pytest.raises(RecognitionFailed) as failed:
        await hear_out(ears)
    await ears.close()
    return failed.value


def expect(failed: RecognitionFailed, name: str, fault: Fault, key: str) -> None:
    assert (failed.provider, failed.kind) == (name, fault.kind)
    assert (failed.retryable, failed.retry_after_s) == (fault.retryable, fault.retry_after_s)
    assert failed.__suppress_context__
    assert WORDS not in str(failed)
    assert key not in str(failed)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("name", ADAPTERS)
async def test_what_goes_wrong_at_a_vendor_is_told_in_the_words_of_the_port(
    name: str, fault: Fault
) -> None:
    adapter = ADAPTERS[name]
    async with adapter.vendor() as vendor:
        fault.arrange(vendor, adapter.broken)
        waits = {"open_ms": 100} if vendor.stalls else {}
        failed = await failure(adapter.make(vendor.key, vendor.url, **waits))
        expect(failed, name, fault, vendor.key)


@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_wrong_key_is_not_worth_a_second_try(name: str) -> None:
    adapter = ADAPTERS[name]
    async with adapter.vendor() as vendor:
        failed = await failure(adapter.make("sk-wrong", vendor.url))
        expect(failed, name, FAULTS["the key is rejected"], "sk-wrong")
        assert vendor.violations == ["authorization"]
        vendor.violations.clear()


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_a_redirect_does_not_carry_words_or_key_elsewhere(name: str, scheme: str) -> None:
    adapter = ADAPTERS[name]
    async with adapter.vendor() as vendor, another_host() as (elsewhere, came):
        vendor.refusal = Refusal(307, {}, {"Location": f"{scheme}://{elsewhere}/"})
        failed = await failure(adapter.make(vendor.key, vendor.url))
        assert not came
        expect(failed, name, Fault(stalls, "refused", False), vendor.key)


@pytest.mark.parametrize("name", SOCKETS)
async def test_a_vendor_that_never_answers_the_handshake_is_not_waited_for_twice(name: str) -> None:
    """And does not hang up either, so that whoever says goodbye to it would wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ears = ADAPTERS[name].make(
            "sk-any", f"http://127.0.0.1:{silent.getsockname()[1]}", open_ms=50
        )
        async with asyncio.timeout(5):
            failed = await failure(ears)
    expect(failed, name, FAULTS["it stalls"], "sk-any")


@pytest.mark.parametrize("name", ADAPTERS)
async def test_nobody_at_the_address_may_be_better_later(name: str) -> None:
    failed = await failure(ADAPTERS[name].make("sk-any", NOWHERE))
    expect(failed, name, Fault(stalls, "unreachable", True), "sk-any")


@pytest.mark.parametrize("name", SOCKETS)
async def test_a_vendor_that_falls_silent_costs_the_wait_for_its_words_and_no_more(
    name: str,
) -> None:
    adapter = ADAPTERS[name]
    async with adapter.vendor() as vendor:
        ears = adapter.make(vendor.key, vendor.url, final_ms=50)
        ear = await ears.open(AGENT, "en-US")
        for _ in range(10):
            ear.feed(FRAME)
        ear.finish()
        async with asyncio.timeout(5):
            assert await anext(ear.heard()) == Heard(text="", final=True)
        await ear.close()
        await ears.close()
