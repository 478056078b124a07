"""Groq's voices through its own SDK, against a server that speaks its protocol."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from vendors.groq import error
from vendors.groq_speech import RATE_HZ, GroqSpeechServer, Speech
from vendors.tones import pcm_tone

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.groq import Groq

WORDS = "Your number is four five six."


@pytest.fixture
async def groq(groq_speech_server: GroqSpeechServer) -> AsyncIterator[Groq]:
    made = Groq(groq_speech_server.key, groq_speech_server.url)
    yield made
    await made.close()


async def spoken(groq: Groq, text: str = WORDS, voice: Voice | None = None) -> bytes:
    async with aclosing(groq.speak(text, voice or Voice())) as sound:
        return b"".join([piece async for piece in sound])


async def test_a_file_of_48_khz_becomes_telephone_sound(
    groq: Groq, groq_speech_server: GroqSpeechServer
) -> None:
    assert abs(len(await spoken(groq)) / 8 - len(WORDS) * 60) < 5, "milliseconds"
    assert groq_speech_server.answers[0].body == {
        "model": "canopylabs/orpheus-v1-english",
        "voice": "troy",
        "input": WORDS,
        "response_format": "wav",
    }


async def test_the_voice_and_its_model_may_be_chosen(
    groq: Groq, groq_speech_server: GroqSpeechServer
) -> None:
    await spoken(groq, voice=Voice(name="lulwa", model="canopylabs/orpheus-arabic-saudi"))
    body = groq_speech_server.answers[0].body
    assert (body["voice"], body["model"]) == ("lulwa", "canopylabs/orpheus-arabic-saudi")


async def test_a_sentence_longer_than_the_vendor_takes_is_spoken_in_pieces(
    groq: Groq, groq_speech_server: GroqSpeechServer
) -> None:
    long = " ".join(f"word{number}" for number in range(60))
    sound = await spoken(groq, long)
    pieces = [speech.body["input"] for speech in groq_speech_server.answers]
    assert " ".join(pieces) == long
    assert len(pieces) == 3
    assert abs(len(sound) / 8 - sum(map(len, pieces)) * 60) < 15, "milliseconds"


async def test_the_beginning_is_heard_before_the_end_is_synthesised(
    groq: Groq, groq_speech_server: GroqSpeechServer
) -> None:
    heard = asyncio.Event()

    async def script(speech: Speech) -> None:
        await speech.audio(pcm_tone("ab", RATE_HZ))
        await heard.wait()
        await speech.audio(pcm_tone("ab", RATE_HZ))

    groq_speech_server.script = script
    async with asyncio.timeout(5), aclosing(groq.speak(WORDS, Voice())) as sound:
        assert len(await anext(sound)) / 8 > 20, "milliseconds"
        heard.set()
        rest = [piece async for piece in sound]
    assert rest


async def test_an_interrupted_sentence_is_no_longer_synthesised(
    groq: Groq, groq_speech_server: GroqSpeechServer
) -> None:
    async def endless(speech: Speech) -> None:
        await speech.audio(pcm_tone("ab", RATE_HZ))
        await speech.gone()

    groq_speech_server.script = endless
    sound = groq.speak(WORDS, Voice())
    await anext(sound)
    await sound.aclose()
    await groq_speech_server.answers[0].gone()


async def test_terms_of_the_model_that_nobody_accepted_are_a_refusal(
    groq: Groq, groq_speech_server: GroqSpeechServer
) -> None:
    groq_speech_server.refusal = error(400, "model_terms_required")
    with pytest.raises(SynthesisError, match="groq: refused"):
        await spoken(groq)


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    groq: Groq, groq_speech_server: GroqSpeechServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await spoken(groq)
    assert WORDS not in caplog.text
    assert groq_speech_server.key not in caplog.text
