"""OpenAI's voices, and those of servers like it, through its SDK over a real socket."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from vendors.openai_speech import RATE_HZ, OpenAISpeechServer, Speech
from vendors.tones import pcm_tone, wav_header

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.openai import OpenAI

WORDS = "Your number is four five six."


@pytest.fixture
async def openai(openai_speech_server: OpenAISpeechServer) -> AsyncIterator[OpenAI]:
    made = OpenAI(openai_speech_server.key, f"{openai_speech_server.url}/v1")
    yield made
    await made.close()


async def spoken(openai: OpenAI, voice: Voice | None = None) -> bytes:
    async with aclosing(openai.speak(WORDS, voice or Voice())) as sound:
        return b"".join([piece async for piece in sound])


async def test_pcm_of_24_khz_becomes_telephone_sound(
    openai: OpenAI, openai_speech_server: OpenAISpeechServer
) -> None:
    assert abs(len(await spoken(openai)) / 8 - len(WORDS) * 60) < 5, "milliseconds"
    assert openai_speech_server.answers[0].body == {
        "model": "gpt-4o-mini-tts",
        "voice": "marin",
        "input": WORDS,
        "response_format": "pcm",
    }


@pytest.mark.parametrize(("speed_wpm", "speed"), [(10, 0.25), (180, 1.09), (900, 4.0)])
async def test_a_speed_the_vendor_does_not_know_becomes_the_nearest_it_knows(
    openai: OpenAI, openai_speech_server: OpenAISpeechServer, speed_wpm: int, speed: float
) -> None:
    await spoken(openai, Voice(name="sage", speed_wpm=speed_wpm))
    body = openai_speech_server.answers[0].body
    assert (body["voice"], body["speed"]) == ("sage", speed)


async def test_a_server_that_sends_a_file_though_asked_for_none_is_understood(
    openai: OpenAI, openai_speech_server: OpenAISpeechServer
) -> None:
    async def script(speech: Speech) -> None:
        await speech.raw(wav_header(16_000) + pcm_tone(WORDS, 16_000))

    openai_speech_server.script, openai_speech_server.content_type = script, "audio/wav"
    assert abs(len(await spoken(openai)) / 8 - len(WORDS) * 60) < 5, "milliseconds"


async def test_a_server_that_names_its_rate_is_heard_at_that_rate(
    openai: OpenAI, openai_speech_server: OpenAISpeechServer
) -> None:
    async def script(speech: Speech) -> None:
        await speech.audio(pcm_tone(WORDS, 22_050))

    openai_speech_server.script = script
    openai_speech_server.content_type = "audio/pcm; rate=22050"
    assert abs(len(await spoken(openai)) / 8 - len(WORDS) * 60) < 5, "milliseconds"


async def test_compressed_sound_nobody_asked_for_is_not_played_as_noise(
    openai: OpenAI, openai_speech_server: OpenAISpeechServer
) -> None:
    openai_speech_server.content_type = "audio/mpeg"
    with pytest.raises(SynthesisError, match="openai: garbled"):
        await spoken(openai)


async def test_the_beginning_is_heard_before_the_end_and_the_rest_can_be_given_up(
    openai: OpenAI, openai_speech_server: OpenAISpeechServer
) -> None:
    async def endless(speech: Speech) -> None:
        await speech.audio(pcm_tone("ab", RATE_HZ) + b"\x01")  # and half a sample
        await speech.gone()

    openai_speech_server.script = endless
    sound = openai.speak(WORDS, Voice())
    async with asyncio.timeout(5):
        assert len(await anext(sound)) / 8 > 100, "milliseconds"
        await sound.aclose()
        await openai_speech_server.answers[0].gone()


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    openai: OpenAI, openai_speech_server: OpenAISpeechServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await spoken(openai)
    assert WORDS not in caplog.text
    assert openai_speech_server.key not in caplog.text
