"""Sarvam's Saaras through its own SDK, against a server that speaks its protocol."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from ears import hear, told
from recorded import AGENT, LOUD, WORDS, samples
from vendors.sarvam import SaarasLine, SaarasServer, saaras_server

from contracts.agent import Agent, Provider
from services.stt.provider import RecognitionFailed
from services.stt.providers.sarvam import Sarvam
from services.stt.providers.socket_ear import SocketEar


@pytest.fixture
async def vendor() -> AsyncIterator[SaarasServer]:
    async with saaras_server() as server:
        yield server


@asynccontextmanager
async def listening(
    vendor: SaarasServer, agent: Agent = AGENT, language: str = "hi-IN", **waits_ms: int
) -> AsyncIterator[SocketEar]:
    sarvam = Sarvam(vendor.key, vendor.url, **waits_ms)
    ear = await sarvam.open(agent, language)
    try:
        yield ear
    finally:
        await ear.close()
        await sarvam.close()


def speak(ear: SocketEar, frames: int = 20) -> None:
    for _ in range(frames):
        ear.feed(LOUD)


async def test_the_request_asks_for_pcm_signals_and_flushes(vendor: SaarasServer) -> None:
    options = {"mode": "codemix", "keyterms": '["Ostermann"]'}
    agent = Agent(name="clinic", stt=Provider(provider="sarvam", options=options))
    async with listening(vendor, agent):
        query = dict(vendor.lines[0].query)
    assert query == {
        "language-code": "hi-IN",
        "model": "saaras:v4",
        "sample_rate": "16000",
        "input_audio_codec": "pcm_s16le",
        "vad_signals": "true",
        "flush_signal": "true",
        "mode": "codemix",
        "keyterms": '["Ostermann"]',
    }


@pytest.mark.parametrize(
    ("language", "code"), [("en-US", "en-IN"), ("ta", "ta-IN"), ("or-IN", "od-IN")]
)
async def test_a_language_of_india_by_the_vendors_own_code(
    vendor: SaarasServer, language: str, code: str
) -> None:
    async with listening(vendor, language=language):
        assert vendor.lines[0].query["language-code"] == code


async def test_another_language_is_not_asked_for(vendor: SaarasServer) -> None:
    with pytest.raises(RecognitionFailed) as failed:
        await Sarvam(vendor.key, vendor.url).open(AGENT, "de-DE")
    assert not failed.value.retryable
    assert vendor.requests == 0


async def test_sound_travels_as_pcm_at_16_khz(vendor: SaarasServer) -> None:
    async with listening(vendor) as ear:
        speak(ear, frames=20)
        ear.finish()
        await vendor.lines[0].told("flush")
    pcm = samples(bytes(vendor.lines[0].audio))
    assert len(pcm) == pytest.approx(20 * 320, abs=8)
    assert 8_000 < abs(pcm).max() < 10_000  # the loudness of the frames


async def test_a_flush_gives_the_words_of_the_turn(vendor: SaarasServer) -> None:
    async def script(line: SaarasLine) -> None:
        await line.start_speech()
        await line.told("flush")
        await line.words("मुझे मंगलवार को आना है", "hi-IN")

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        ear.finish()
        (heard,) = await hear(ear)
    assert (heard.text, heard.language) == ("मुझे मंगलवार को आना है", "hi-IN")


async def test_the_vendors_own_pause_is_a_likely_end_that_speech_takes_back(
    vendor: SaarasServer,
) -> None:
    async def script(line: SaarasLine) -> None:
        await line.start_speech()
        await line.end_speech()
        await line.words("My number is")
        await line.start_speech()
        await line.words("four five six")

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        async with aclosing(ear.heard()) as heard:
            pieces = [await anext(heard) for _ in range(3)]
        ear.finish()
        pieces += await hear(ear)
        assert told(pieces) == [
            ("My number is", "eager"),
            ("My number is", "draft"),
            ("My number is four five six", "eager"),
            ("My number is four five six", "final"),
        ]
    assert vendor.lines[0].controls == []  # no flush: all was said already


async def test_a_turn_waits_for_the_words_of_speech_that_has_begun(vendor: SaarasServer) -> None:
    async def script(line: SaarasLine) -> None:
        await line.start_speech()
        await line.start_speech()
        await line.told("flush")
        await line.words("One")
        await line.words("two")

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        ear.finish()
        assert told(await hear(ear)) == [("One two", "final")]


async def test_a_flush_left_without_answer_is_a_turn_without_words(vendor: SaarasServer) -> None:
    async with listening(vendor, final_ms=50) as ear:
        ear.finish()
        assert told(await hear(ear)) == [("", "final")]


async def test_a_line_without_sound_is_kept_alive_with_silence(vendor: SaarasServer) -> None:
    async with listening(vendor, keep_alive_ms=30):
        await vendor.lines[0].heard(9_000)
        assert set(vendor.lines[0].audio) == {0}


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("invalid_api_key_error", "unauthorized", False),
        ("insufficient_quota_error", "quota", False),
        ("rate_limit_exceeded_error", "rate_limited", True),
        ("internal_server_error", "unavailable", True),
        ("unprocessable_entity_error", "refused", False),
    ],
)
async def test_each_of_the_vendors_errors_amid_the_call(
    vendor: SaarasServer, code: str, kind: str, retryable: bool
) -> None:
    async def script(line: SaarasLine) -> None:
        await line.error(code)

    vendor.script = script
    async with listening(vendor) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
    assert (failed.value.kind, failed.value.retryable) == (kind, retryable)
    assert "about your words" not in str(failed.value)


async def misshapen(line: SaarasLine) -> None:
    await line.say({"type": "data", "data": {"transcript": {"no": WORDS}}})


async def no_object(line: SaarasLine) -> None:
    await line.say_raw('["' + WORDS + '"]')


async def internal(line: SaarasLine) -> None:
    await line.close(1011, WORDS)


async def cut(line: SaarasLine) -> None:
    line.break_off()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (misshapen, "garbled"),
        (no_object, "garbled"),
        (internal, "unavailable"),
        (cut, "disconnected"),
    ],
)
async def test_a_line_that_breaks_says_how(
    vendor: SaarasServer, script: Callable[[SaarasLine], Awaitable[None]], kind: str
) -> None:
    vendor.script = script
    async with listening(vendor) as ear:
        with pytest.raises(RecognitionFailed) as failed:
            await hear(ear)
        speak(ear)  # the gateway does not know yet, and goes on
    assert failed.value.kind == kind
    assert failed.value.__suppress_context__
    assert WORDS not in str(failed.value)


async def test_words_without_the_figures_that_the_sdk_wants_are_heard(
    vendor: SaarasServer,
) -> None:
    async def script(line: SaarasLine) -> None:
        await line.told("flush")
        await line.say({"type": "data", "data": {"transcript": "Yes"}})

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        ear.finish()
        assert told(await hear(ear)) == [("Yes", "final")]


async def test_closing_hangs_up_at_once(vendor: SaarasServer) -> None:
    async with listening(vendor) as ear:
        speak(ear)
    await vendor.lines[0].left()
    assert vendor.lines[0].close_code == 1000


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    vendor: SaarasServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(line: SaarasLine) -> None:
        await line.told("flush")
        await line.words(WORDS)

    vendor.script = script
    async with listening(vendor) as ear:
        speak(ear)
        ear.finish()
        assert told(await hear(ear)) == [(WORDS, "final")]
    assert WORDS not in caplog.text
    assert vendor.key not in caplog.text
