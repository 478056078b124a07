"""The voices on loopback refuse what the real vendors refuse; else they would prove nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from vendors import coqui, groq_speech, openai_speech, sarvam_voice
from vendors.elevenlabs import VOICE, elevenlabs_server
from vendors.serving import KEY

BEARER = {"Authorization": f"Bearer {KEY}"}
XI = {"xi-api-key": KEY}
SARVAM = {"api-subscription-key": KEY}
ORPHEUS = {
    "model": "canopylabs/orpheus-v1-english",
    "voice": "troy",
    "input": "Hello.",
    "response_format": "wav",
}
SPEECH = {"model": "gpt-4o-mini-tts", "voice": "marin", "input": "Hello."}
READ = {"text": "Hello.", "model_id": "eleven_flash_v2_5"}
CONFIG = {"language_code": "en-IN", "speaker": "shubh"}


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 401),
        ({"model": "playai-tts"}, BEARER, 404),
        ({"voice": "tara"}, BEARER, 400),
        ({"input": " "}, BEARER, 400),
        ({"input": "x" * 201}, BEARER, 400),
        ({"response_format": "mulaw"}, BEARER, 400),
        ({"language": "en"}, BEARER, 400),
        ({}, BEARER, 200),
    ],
)
async def test_groq_takes_speech_by_its_rules(
    client: aiohttp.ClientSession, change: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    async with groq_speech.groq_speech_server() as server:
        url = server.url + groq_speech.PATH
        answer = await client.post(url, json=ORPHEUS | change, headers=headers)
        assert (answer.status, len(server.violations)) == (status, int(status != 200))
        server.violations.clear()


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {"Authorization": KEY}, 401),
        ({"model": "whisper-1"}, BEARER, 404),
        ({"voice": "troy"}, BEARER, 400),
        ({"input": "x" * 4_097}, BEARER, 400),
        ({"speed": 4.1}, BEARER, 400),
        ({"response_format": "ulaw"}, BEARER, 400),
        ({"sample_rate": 8_000}, BEARER, 400),
        ({"response_format": "pcm"}, BEARER, 200),
    ],
)
async def test_openai_takes_speech_by_its_rules(
    client: aiohttp.ClientSession, change: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    async with openai_speech.openai_speech_server() as server:
        url = server.url + openai_speech.PATH
        answer = await client.post(url, json=SPEECH | change, headers=headers)
        assert (answer.status, len(server.violations)) == (status, int(status != 200))
        server.violations.clear()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"text": " "}, 400),
        ({"text": "Hello.", "speaker_id": "troy"}, 500),
        ({"text": "Hello.", "language_id": "de-AT"}, 500),
        ({"text": "Hello.", "speed": "2"}, 500),
        ({"text": "Hello.", "speaker_id": "p225"}, 200),
    ],
)
async def test_coqui_takes_a_text_by_its_rules(
    client: aiohttp.ClientSession, form: dict[str, str], status: int
) -> None:
    async with coqui.coqui_server() as server:
        answer = await client.post(server.url + coqui.PATH, data=form)
        assert (answer.status, len(server.violations)) == (status, int(status != 200))
        server.violations.clear()


@asynccontextmanager
async def sarvam(
    client: aiohttp.ClientSession, query: dict[str, str], headers: dict[str, str] = SARVAM
) -> AsyncIterator[tuple[sarvam_voice.SarvamVoiceServer, aiohttp.ClientWebSocketResponse]]:
    async with sarvam_voice.sarvam_voice_server() as server:
        url = server.url + sarvam_voice.PATH
        try:
            async with client.ws_connect(url, params=query, headers=headers) as socket:
                yield server, socket
        finally:
            assert len(server.violations) <= 1
            server.violations.clear()


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({"model": "bulbul:v3"}, BEARER, 403),
        ({"model": "bulbul:v1"}, SARVAM, 400),
        ({"model": "bulbul:v3", "speaker": "shubh"}, SARVAM, 400),
    ],
)
async def test_sarvam_refuses_the_connection(
    client: aiohttp.ClientSession, query: dict[str, str], headers: dict[str, str], status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with sarvam(client, query, headers):
            pass
    assert refused.value.status == status


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "text", "data": {"text": "Hello."}}],
        [{"type": "config", "data": CONFIG | {"pitch": 0.0}}],
        [{"type": "config", "data": CONFIG | {"speaker": "anushka"}}],
        [{"type": "config", "data": CONFIG | {"language_code": "en-US"}}],
        [{"type": "config", "data": CONFIG | {"target_language_code": "en-IN"}}],
        [{"type": "config", "data": CONFIG | {"pace": 2.5}}],
        [{"type": "config", "data": CONFIG | {"output_audio_codec": "ulaw_8000"}}],
        [{"type": "config", "data": CONFIG}, {"type": "text", "data": {"text": ""}}],
        [{"type": "config", "data": CONFIG}, {"type": "cancel"}],
    ],
)
async def test_sarvam_hangs_up_on_what_it_does_not_take(
    client: aiohttp.ClientSession, messages: list[dict[str, Any]]
) -> None:
    async with sarvam(client, {"model": "bulbul:v3"}) as (server, socket):
        for message in messages:
            await socket.send_json(message)
        assert (await socket.receive_json())["data"]["code"] == 422
        assert (await socket.receive()).data == 1008
        assert len(server.violations) == 1


async def test_sarvam_hangs_up_on_who_is_idle_and_tells_the_end_only_to_those_who_asked(
    client: aiohttp.ClientSession,
) -> None:
    async with sarvam(client, {"model": "bulbul:v3"}) as (server, socket):
        server.idle_s = 0.05
        await socket.send_json({"type": "config", "data": CONFIG})
        await socket.send_json({"type": "text", "data": {"text": "Hm."}})
        await socket.send_json({"type": "flush"})
        kinds = []
        async for message in socket:
            kinds.append(message.json()["type"])
    assert set(kinds) == {"audio"}
    assert socket.close_code == 1000


@pytest.mark.parametrize(
    ("voice", "output_format", "change", "headers", "status"),
    [
        (VOICE, "ulaw_8000", {}, {}, 401),
        (VOICE, "ulaw_8000", {}, {"Authorization": f"Bearer {KEY}"}, 401),
        ("en-us", "ulaw_8000", {}, XI, 404),
        (VOICE, "mulaw", {}, XI, 422),
        (VOICE, "ulaw_8000", {"text": " "}, XI, 422),
        (VOICE, "ulaw_8000", {"text": "x" * 40_001}, XI, 422),
        (VOICE, "ulaw_8000", {"model_id": "eleven_flash"}, XI, 422),
        (VOICE, "ulaw_8000", {"voice_settings": {"speed": 2.0}}, XI, 422),
        (VOICE, "ulaw_8000", {"speed": 1.0}, XI, 422),
    ],
)
async def test_elevenlabs_refuses_the_request(
    client: aiohttp.ClientSession,
    voice: str,
    output_format: str,
    change: dict[str, Any],
    headers: dict[str, str],
    status: int,
) -> None:
    async with elevenlabs_server() as server:
        address = f"{server.url}/v1/text-to-speech/{voice}/stream?output_format={output_format}"
        async with client.post(address, json=READ | change, headers=headers) as answer:
            assert (answer.status, len(server.violations)) == (status, 1)
        server.violations.clear()
