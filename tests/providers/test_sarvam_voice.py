"""Sarvam's voices, against a server that speaks its protocol."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from vendors.sarvam_voice import Conversation, SarvamVoiceServer

from contracts.dialog import Voice
from services.audio.wav import to_wav
from services.tts.provider import SynthesisError
from services.tts.providers.sarvam import Sarvam

WORDS = "Your number is four five six."
SOUND = bytes(range(256)) * 5


@pytest.fixture
async def sarvam(sarvam_voice_server: SarvamVoiceServer) -> AsyncIterator[Sarvam]:
    made = Sarvam(sarvam_voice_server.key, sarvam_voice_server.url)
    yield made
    await made.close()


async def spoken(sarvam: Sarvam, text: str = WORDS, voice: Voice | None = None) -> bytes:
    async with asyncio.timeout(5), aclosing(sarvam.speak(text, voice or Voice())) as sound:
        return b"".join([piece async for piece in sound])


async def say_it(talk: Conversation) -> None:
    await talk.audio(SOUND[:1_000])
    await talk.audio(SOUND[1_000:])
    await talk.final()


async def test_a_sentence_comes_back_whole_as_the_vendor_made_it(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    sarvam_voice_server.script = say_it
    assert await spoken(sarvam) == SOUND
    (talk,) = sarvam_voice_server.conversations
    assert (talk.model, talk.spoken) == ("bulbul:v3", [WORDS])
    assert talk.configs == [
        {
            "language_code": "en-IN",
            "speaker": "shubh",
            "speech_sample_rate": 8_000,
            "output_audio_codec": "mulaw",
        }
    ]


async def test_telephone_sound_in_files_is_taken_out_of_them(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    async def files(talk: Conversation) -> None:
        for _ in range(2):
            await talk.audio(to_wav(SOUND, "mulaw"), "audio/wav")
        await talk.final()

    sarvam_voice_server.script = files
    assert len(await spoken(sarvam)) == 2 * len(SOUND)


async def test_speaker_language_model_and_pace_are_the_voices(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    voice = Voice(name="vidya", model="bulbul:v2", language="ta-IN", speed_wpm=999)
    await spoken(sarvam, voice=voice)
    (talk,) = sarvam_voice_server.conversations
    (config,) = talk.configs
    assert (talk.model, config["speaker"]) == ("bulbul:v2", "vidya")
    assert (config["language_code"], config["pace"]) == ("ta-IN", 2.0)


async def test_the_next_sentence_needs_no_new_connection_and_only_new_settings_are_told(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    hindi = Voice(name="ritu", language="hi-IN")
    for voice in (Voice(), Voice(), hindi):
        await spoken(sarvam, voice=voice)
    (talk,) = sarvam_voice_server.conversations
    assert [config["speaker"] for config in talk.configs] == ["shubh", "ritu"]
    assert len(talk.spoken) == 3


async def test_another_model_needs_another_connection(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    await spoken(sarvam)
    await spoken(sarvam, voice=Voice(name="arya", model="bulbul:v2"))
    models = [talk.model for talk in sarvam_voice_server.conversations]
    assert models == ["bulbul:v3", "bulbul:v2"]


async def test_an_interrupted_sentence_ends_with_its_connection(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    async def endless(talk: Conversation) -> None:
        await talk.audio(SOUND)
        await talk.gone()

    sarvam_voice_server.script = endless
    sound = sarvam.speak(WORDS, Voice())
    assert await anext(sound) == SOUND
    await sound.aclose()
    await sarvam_voice_server.conversations[0].gone()
    sarvam_voice_server.script = say_it
    assert await spoken(sarvam) == SOUND
    assert len(sarvam_voice_server.conversations) == 2


async def test_a_connection_that_broke_while_nobody_spoke_is_replaced(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    await spoken(sarvam)
    (first,) = sarvam_voice_server.conversations
    first.break_off()
    await first.gone()
    assert await spoken(sarvam)
    assert len(sarvam_voice_server.conversations) == 2


async def test_a_connection_nobody_used_for_long_is_let_go_before_the_vendor_does(
    sarvam_voice_server: SarvamVoiceServer,
) -> None:
    sarvam = Sarvam(sarvam_voice_server.key, sarvam_voice_server.url, keep_s=0.0)
    await spoken(sarvam)
    (first,) = sarvam_voice_server.conversations
    await first.gone()
    await spoken(sarvam)
    assert len(sarvam_voice_server.conversations) == 2
    await sarvam.close()


async def test_a_text_longer_than_the_vendor_takes_is_spoken_in_pieces(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer
) -> None:
    sarvam_voice_server.script = say_it
    assert await spoken(sarvam, "word " * 600) == SOUND * 2
    (talk,) = sarvam_voice_server.conversations
    assert all(len(text) <= 2_500 for text in talk.spoken)


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        (403, "unauthorized", False),
        (422, "refused", False),
        (429, "rate_limited", True),
        (500, "unavailable", True),
        (None, "unavailable", True),
    ],
)
async def test_an_error_amid_the_conversation_has_the_meaning_of_its_code(
    sarvam: Sarvam,
    sarvam_voice_server: SarvamVoiceServer,
    code: int | None,
    kind: str,
    retryable: bool,
) -> None:
    async def script(talk: Conversation) -> None:
        await talk.error(code)

    sarvam_voice_server.script = script
    with pytest.raises(SynthesisError, match=f"sarvam: {kind}") as failed:
        await spoken(sarvam)
    assert failed.value.retryable == retryable


@pytest.mark.parametrize(
    ("code", "kind"),
    [(1000, "disconnected"), (1008, "refused"), (1011, "unavailable")],
)
async def test_a_vendor_that_hangs_up_in_the_middle_is_understood_by_its_code(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer, code: int, kind: str
) -> None:
    async def script(talk: Conversation) -> None:
        await talk.audio(SOUND)
        await talk.close(code)

    sarvam_voice_server.script = script
    with pytest.raises(SynthesisError, match=f"sarvam: {kind}"):
        await spoken(sarvam)


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    sarvam: Sarvam, sarvam_voice_server: SarvamVoiceServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await spoken(sarvam)
    assert WORDS not in caplog.text
    assert sarvam_voice_server.key not in caplog.text


async def test_the_vendors_own_client_is_served_as_well(
    sarvam_voice_server: SarvamVoiceServer,
) -> None:
    """So the server's rules are those of the protocol, not of our adapter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports a retired part of websockets
        from sarvamai import AsyncSarvamAI
        from sarvamai.environment import SarvamAIEnvironment

        sockets = sarvam_voice_server.url.replace("http", "ws")
        places = SarvamAIEnvironment(base=sarvam_voice_server.url, creative="", production=sockets)
        client = AsyncSarvamAI(api_subscription_key=sarvam_voice_server.key, environment=places)
        connected = client.text_to_speech_streaming.connect(
            model="bulbul:v2", send_completion_event="true"
        )
        sarvam_voice_server.script = say_it
        async with asyncio.timeout(5), connected as socket:
            await socket.configure(
                target_language_code="hi-IN",
                speaker="anushka",
                speech_sample_rate=8_000,
                output_audio_codec="mulaw",
            )
            await socket.convert(WORDS)
            await socket.flush()
            kinds = [(await socket.recv()).type for _ in range(3)]
    assert kinds == ["audio", "audio", "event"]
