"""A Coqui server's voices over its own HTTP service."""

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from vendors.coqui import RATE_HZ, CoquiServer, Speech
from vendors.tones import pcm_tone, wav_header

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.coqui import Coqui

WORDS = "Your number is four five six."


@pytest.fixture
async def coqui(coqui_server: CoquiServer) -> AsyncIterator[Coqui]:
    made = Coqui(coqui_server.url)
    yield made
    await made.close()


async def spoken(coqui: Coqui, voice: Voice | None = None) -> bytes:
    async with aclosing(coqui.speak(WORDS, voice or Voice())) as sound:
        return b"".join([piece async for piece in sound])


async def test_what_the_agent_does_not_name_is_left_to_the_server(
    coqui: Coqui, coqui_server: CoquiServer
) -> None:
    assert abs(len(await spoken(coqui)) / 8 - len(WORDS) * 60) < 5, "milliseconds"
    assert coqui_server.answers[0].body == {"text": WORDS}


@pytest.mark.parametrize(("language", "known_as"), [("de-AT", "de"), ("zh-cn", "zh-cn")])
async def test_speaker_and_language_go_by_the_models_own_names(
    coqui: Coqui, coqui_server: CoquiServer, language: str, known_as: str
) -> None:
    await spoken(coqui, Voice(name="p226", language=language))
    assert coqui_server.answers[0].body == {
        "text": WORDS,
        "speaker_id": "p226",
        "language_id": known_as,
    }


async def test_a_file_shorter_than_it_says_is_not_a_whole_sentence(
    coqui: Coqui, coqui_server: CoquiServer
) -> None:
    async def script(speech: Speech) -> None:
        pcm = pcm_tone(WORDS, RATE_HZ)
        await speech.raw(wav_header(RATE_HZ, len(pcm)) + pcm[:-2])

    coqui_server.script = script
    with pytest.raises(SynthesisError, match="coqui: garbled") as short:
        await spoken(coqui)
    assert short.value.retryable


async def test_words_stand_in_no_log_and_no_address(
    coqui: Coqui, coqui_server: CoquiServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await spoken(coqui)
    assert not coqui_server.answers[0].query
    assert "number" not in caplog.text
