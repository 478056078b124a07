"""What is Cartesia's own about its voices."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from vendors.cartesia_voice import VOICE, cartesia_voice_server, error
from vendors.voice_sockets import Speaking
from voices_on_sockets import ADAPTERS, Line, spoken, times

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.cartesia import Cartesia

TEXT = "Good morning to you."


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with cartesia_voice_server() as vendor:
        voice = Cartesia(vendor.key, vendor.url, wait_ms=5_000)
        yield Line(ADAPTERS["cartesia"], vendor, voice)
        await voice.close()


async def test_a_sentence_is_one_whole_input_that_the_vendor_does_not_hold_back(line: Line) -> None:
    await spoken(line, TEXT)
    (message,) = line.vendor.clients[0].messages
    assert message.pop("context_id")
    assert message == {
        "model_id": "sonic-3",
        "transcript": TEXT,
        "voice": VOICE,
        "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000},
        "continue": False,
        "max_buffer_delay_ms": 0,
        "add_timestamps": True,
    }


async def test_the_voice_may_choose_its_model_language_and_speed(line: Line) -> None:
    await spoken(
        line, TEXT, Voice(name=VOICE, model="sonic-turbo", speed_wpm=330, language="hi-IN")
    )
    (message,) = line.vendor.clients[0].messages
    assert message["language"] == "hi"
    assert message["model_id"] == "sonic-turbo"
    assert message["generation_config"] == {"speed": 1.5}


async def test_times_of_words_count_from_the_sentences_beginning(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 1_600, "Good morning")
        await speaking.audio(b"\x11" * 800, "to you.")

    line.vendor.script = script
    (told,) = await times(line, TEXT)
    assert told.ends_ms == (100, 200, 250, 300)


async def test_an_interrupted_sentence_is_cancelled(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 160)
        await speaking.unwanted()

    line.vendor.script = script
    sound = line.synthesiser.speak(TEXT, line.adapter.voice)
    assert isinstance(sound, AsyncGenerator)
    await anext(sound)
    await sound.aclose()
    (asked,) = line.vendor.asked
    await asked.until(lambda: asked.given_up)
    assert line.vendor.clients[0].messages[-1] == {"context_id": asked.id, "cancel": True}


async def test_an_error_of_one_context_leaves_the_others_alone(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 160)
        await going_on.wait()
        if speaking.text == "Bad.":
            return await speaking.client.say(error(429, "concurrency_limited", speaking.id))
        await speaking.audio(b"\x22" * 160)

    going_on, line.vendor.script = asyncio.Event(), script
    bad = line.synthesiser.speak("Bad.", line.adapter.voice)
    good = line.synthesiser.speak(TEXT, line.adapter.voice)
    assert await anext(bad) == await anext(good) == b"\x11" * 160
    going_on.set()
    with pytest.raises(SynthesisError, match="rate_limited"):
        await anext(bad)
    assert await anext(good) == b"\x22" * 160
    assert line.vendor.requests == 1


async def test_what_comes_of_a_context_that_is_over_is_nobodys(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        stray = {"type": "chunk", "data": "AAAA", "done": False, "status_code": 206}
        await speaking.client.say(stray | {"context_id": "another"})
        await speaking.client.say(error(400, "gone", "another"))
        await speaking.audio(b"\x11" * 160)

    line.vendor.script = script
    assert await spoken(line, TEXT) == b"\x11" * 160


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "refused"), (402, "quota"), (429, "rate_limited"), (500, "unavailable")],
)
async def test_an_error_is_understood_by_its_status(line: Line, status: int, kind: str) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.client.say(error(status, "no", speaking.id))
        await speaking.unwanted()

    line.vendor.script = script
    with pytest.raises(SynthesisError) as failed:
        await spoken(line, TEXT)
    assert failed.value.kind == kind
    assert TEXT not in str(failed.value)


async def test_an_error_of_the_connection_is_an_error_of_all(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.client.say(error(500, "no", None))
        await speaking.unwanted()

    line.vendor.script = script
    with pytest.raises(SynthesisError, match="unavailable"):
        await spoken(line, TEXT)
