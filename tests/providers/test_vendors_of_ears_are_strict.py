"""The vendors of recognisers that are asked for a turn's words refuse what the real ones refuse."""

import base64
import json
from typing import Any

import aiohttp
import pytest
from vendors.elevenlabs_scribe import ScribeServer, scribe_server
from vendors.groq_audio import groq_transcription
from vendors.openai_audio import openai_audio
from vendors.sarvam import SaarasServer, saaras_server
from vendors.serving import KEY
from vendors.transcribing import TranscriptionVendor

from services.audio.wav import pcm_to_wav

BEARER = {"Authorization": f"Bearer {KEY}"}
SECOND = pcm_to_wav(bytes(32_000), 16_000)
SOUND = base64.b64encode(bytes(3_200)).decode()


async def refused_form(
    client: aiohttp.ClientSession,
    server: TranscriptionVendor,
    fields: dict[str, str],
    *,
    headers: dict[str, str] = BEARER,
    wav: bytes = SECOND,
    name: str = "turn.wav",
) -> int:
    """The status of the refusal, of which there must be one."""
    form = aiohttp.FormData()
    form.add_field("file", wav, filename=name, content_type="audio/wav")
    for field, value in fields.items():
        form.add_field(field, value)
    async with client.post(server.url + server.path, data=form, headers=headers) as answer:
        assert len(server.violations) == 1
        server.violations.clear()
        return answer.status


TURBO = {"model": "whisper-large-v3-turbo"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model": "whisper-1"},
        {**TURBO, "language": "en-US"},
        {**TURBO, "response_format": "srt"},
        {**TURBO, "temperature": "1.5"},
        {**TURBO, "timestamp_granularities[]": "word"},
        {**TURBO, "keywords": "veneer"},
    ],
)
async def test_groq_refuses_the_form(client: aiohttp.ClientSession, fields: dict[str, str]) -> None:
    async with groq_transcription() as server:
        assert await refused_form(client, server, fields) == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "whisper-large-v3-turbo"},
        {"model": "gpt-transcribe", "response_format": "verbose_json"},
        {"model": "gpt-4o-transcribe", "response_format": "verbose_json"},
        {"model": "gpt-transcribe", "include[]": "logprobs"},
        {"model": "whisper-1", "language": "english"},
        {"model": "whisper-1", "url": "https://example.com/a.wav"},
    ],
)
async def test_openai_refuses_the_form(
    client: aiohttp.ClientSession, fields: dict[str, str]
) -> None:
    async with openai_audio() as server:
        assert await refused_form(client, server, fields) == 400


async def test_transcription_wants_its_key_and_a_file_that_is_what_its_name_says(
    client: aiohttp.ClientSession,
) -> None:
    fields = {"model": "whisper-1"}
    async with openai_audio() as server:
        assert await refused_form(client, server, fields, headers={}) == 401
        assert await refused_form(client, server, fields, wav=b"RIFF no") == 400
        assert await refused_form(client, server, fields, name="turn") == 400
        short = pcm_to_wav(bytes(3_000), 16_000)
        assert await refused_form(client, server, fields, wav=short) == 400


LISTEN = {"model_id": "scribe_v2_realtime", "audio_format": "ulaw_8000"}
XI = {"xi-api-key": KEY}


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 401),
        ({}, BEARER, 401),
        ({"model_id": "scribe_v2"}, XI, 400),
        ({"audio_format": "mulaw"}, XI, 400),
        ({"language_code": "en-US"}, XI, 400),
        ({"no_verbatim": "True"}, XI, 400),
        ({"keyterms": "x" * 21}, XI, 400),
        ({"language": "en"}, XI, 400),
    ],
)
async def test_scribe_refuses_the_connection(
    client: aiohttp.ClientSession, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with scribe_server() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(
                server.url + server.path, params=LISTEN | change, headers=headers
            )
        assert (refused.value.status, len(server.violations)) == (status, 1)
        server.violations.clear()


CHUNK = {
    "message_type": "input_audio_chunk",
    "audio_base_64": SOUND,
    "commit": False,
    "sample_rate": 8_000,
}


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"message_type": "commit"}, "input_error"),
        (CHUNK | {"commit": "true"}, "input_error"),
        (CHUNK | {"sample_rate": 16_000}, "input_error"),
        (CHUNK | {"audio_base_64": "?"}, "input_error"),
        (b"\xff" * 160, "input_error"),
        (CHUNK | {"audio_base_64": "", "commit": True}, "commit_throttled"),
    ],
)
async def test_scribe_does_not_take_the_message(
    client: aiohttp.ClientSession, message: dict[str, Any] | bytes, answer: str
) -> None:
    async with (
        scribe_server() as server,
        client.ws_connect(server.url + server.path, params=LISTEN, headers=XI) as socket,
    ):
        await _send(socket, message)
        assert (await socket.receive_json(timeout=5))["message_type"] == "session_started"
        assert (await socket.receive_json(timeout=5))["message_type"] == answer
        assert len(server.violations) == 1
        server.violations.clear()


SAARAS = {"language-code": "hi-IN", "model": "saaras:v4", "input_audio_codec": "pcm_s16le"}
SUBSCRIPTION = {"api-subscription-key": KEY}


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 403),
        ({}, BEARER, 403),
        ({"language-code": "hi"}, SUBSCRIPTION, 400),
        ({"language-code": "or-IN"}, SUBSCRIPTION, 400),
        ({"model": "saarika:v2.5"}, SUBSCRIPTION, 400),
        ({"input_audio_codec": "mulaw"}, SUBSCRIPTION, 400),
        ({"vad_signals": "True"}, SUBSCRIPTION, 400),
        ({"keyterms": "Ostermann"}, SUBSCRIPTION, 400),
        ({"language_code": "hi-IN"}, SUBSCRIPTION, 400),
    ],
)
async def test_saaras_refuses_the_connection(
    client: aiohttp.ClientSession, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with saaras_server() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(
                server.url + server.path, params=SAARAS | change, headers=headers
            )
        assert (refused.value.status, len(server.violations)) == (status, 1)
        server.violations.clear()


PCM = {"data": SOUND, "sample_rate": 16_000, "encoding": "audio/wav"}


@pytest.mark.parametrize(
    "message",
    [
        PCM,  # not within "audio"
        {"audio": PCM | {"sample_rate": 8_000}},
        {"audio": PCM | {"encoding": "audio/mulaw"}},
        {"audio": PCM | {"data": "?"}},
        {"type": "finalize"},
        {"type": "flush"},  # not announced in the request
        bytes(320),
    ],
)
async def test_saaras_hangs_up(
    client: aiohttp.ClientSession, message: dict[str, Any] | bytes
) -> None:
    async with (
        saaras_server() as server,
        client.ws_connect(server.url + server.path, params=SAARAS, headers=SUBSCRIPTION) as socket,
    ):
        await _send(socket, message)
        while not socket.closed:
            await socket.receive(timeout=5)
        assert (socket.close_code, len(server.violations)) == (1003, 1)
        server.violations.clear()


@pytest.mark.parametrize(
    ("make", "request_"), [(scribe_server, (LISTEN, XI)), (saaras_server, (SAARAS, SUBSCRIPTION))]
)
async def test_a_line_without_sound_is_hung_up(
    client: aiohttp.ClientSession, make: Any, request_: tuple[dict[str, str], dict[str, str]]
) -> None:
    server: ScribeServer | SaarasServer
    params, headers = request_
    async with make() as server:
        server.idle_s = 0.05
        async with client.ws_connect(
            server.url + server.path, params=params, headers=headers
        ) as socket:
            while not socket.closed:
                await socket.receive(timeout=5)
        assert server.violations == ["idle"]
        server.violations.clear()


async def _send(socket: aiohttp.ClientWebSocketResponse, message: dict[str, Any] | bytes) -> None:
    if isinstance(message, bytes):
        await socket.send_bytes(message)
    else:
        await socket.send_str(json.dumps(message))
