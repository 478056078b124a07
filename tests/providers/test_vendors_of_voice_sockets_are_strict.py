"""The vendors that speak over sockets refuse what the real ones refuse."""

from typing import Any

import aiohttp
import pytest
from vendors.cartesia_voice import VOICE as CARTESIA_VOICE
from vendors.cartesia_voice import cartesia_voice_server
from vendors.deepgram_voice import FLUSHES, deepgram_voice_server
from vendors.elevenlabs import VOICE
from vendors.elevenlabs_socket import CONTEXTS, elevenlabs_socket_server
from vendors.serving import KEY
from vendors.voice_sockets import Speaking

XI = {"xi-api-key": KEY}
TOKEN = {"Authorization": f"Token {KEY}"}
BEARER = {"Authorization": f"Bearer {KEY}", "cartesia-version": "2026-08-14"}
LIVE = {"model_id": "eleven_flash_v2_5", "output_format": "ulaw_8000"}
AURA = {"model": "aura-2-thalia-en", "encoding": "mulaw", "sample_rate": "8000"}
RAW = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000}
SONIC: dict[str, Any] = {
    "context_id": "a",
    "model_id": "sonic-3",
    "transcript": "Hello.",
    "voice": CARTESIA_VOICE,
    "output_format": RAW,
}
Socket = aiohttp.ClientWebSocketResponse


async def elevenlabs_says(socket: Socket) -> str:
    """The error before the end."""
    while "error" not in (message := await socket.receive_json(timeout=5)):
        pass
    await socket.receive(timeout=5)
    assert socket.close_code == 1008
    return str(message["error"])


@pytest.mark.parametrize(
    ("voice", "change", "headers", "error"),
    [
        (VOICE, {}, {}, "invalid_api_key"),
        (VOICE, {}, {"xi-api-key": "sk-wrong"}, "invalid_api_key"),
        ("en-us", {}, XI, "invalid_message"),
        (VOICE, {"output_format": "mulaw"}, XI, "invalid_message"),
        (VOICE, {"model_id": "eleven_v3"}, XI, "invalid_message"),
        (VOICE, {"inactivity_timeout": "181"}, XI, "invalid_message"),
        (VOICE, {"speed": "1"}, XI, "invalid_message"),
    ],
)
async def test_elevenlabs_refuses_the_connection(
    client: aiohttp.ClientSession,
    voice: str,
    change: dict[str, str],
    headers: dict[str, str],
    error: str,
) -> None:
    async with elevenlabs_socket_server() as server:
        address = f"{server.url}/v1/text-to-speech/{voice}/multi-stream-input"
        async with client.ws_connect(address, params=LIVE | change, headers=headers) as socket:
            assert await elevenlabs_says(socket) == error
        assert len(server.violations) == 1
        server.violations.clear()


OPENED = {"text": " ", "context_id": "a"}


@pytest.mark.parametrize(
    "messages",
    [
        [OPENED, {"text": "Hello.", "context_id": "a"}],
        [OPENED, {"text": "Hello ", "context_id": "a", "voice_settings": {"speed": 1.0}}],
        [OPENED, {"text": "Hello ", "context_id": "a", "voice": VOICE}],
        [{"context_id": "a", "flush": True}],
        [{"context_id": "a", "close_context": True}],
    ],
)
async def test_elevenlabs_refuses_a_message(
    client: aiohttp.ClientSession, messages: list[dict[str, Any]]
) -> None:
    async with elevenlabs_socket_server() as server:
        address = f"{server.url}/v1/text-to-speech/{VOICE}/multi-stream-input"
        async with client.ws_connect(address, params=LIVE, headers=XI) as socket:
            for message in messages:
                await socket.send_json(message)
            assert await elevenlabs_says(socket) == "invalid_message"
        assert len(server.violations) == 1
        server.violations.clear()


async def test_elevenlabs_has_five_contexts_on_a_connection(client: aiohttp.ClientSession) -> None:
    async with elevenlabs_socket_server() as server:
        address = f"{server.url}/v1/text-to-speech/{VOICE}/multi-stream-input"
        async with client.ws_connect(address, params=LIVE, headers=XI) as socket:
            for number in range(CONTEXTS + 1):
                await socket.send_json({"text": " ", "context_id": str(number)})
            assert await elevenlabs_says(socket) == "max_active_conversations"
        server.violations.clear()


async def test_elevenlabs_hangs_up_on_an_idle_connection(client: aiohttp.ClientSession) -> None:
    async with elevenlabs_socket_server() as server:
        server.second_s = 0.001  # 20 of them
        address = f"{server.url}/v1/text-to-speech/{VOICE}/multi-stream-input"
        async with client.ws_connect(address, params=LIVE, headers=XI) as socket:
            assert await elevenlabs_says(socket) == "input_timeout_exceeded"


async def test_elevenlabs_does_not_speak_a_context_closed_before_it_began(
    client: aiohttp.ClientSession,
) -> None:
    async def slow(speaking: Speaking) -> None:
        await speaking.unwanted()

    async with elevenlabs_socket_server() as server:
        server.script = slow
        address = f"{server.url}/v1/text-to-speech/{VOICE}/multi-stream-input"
        async with client.ws_connect(address, params=LIVE, headers=XI) as socket:
            await socket.send_json(OPENED)
            await socket.send_json({"text": "Hello ", "context_id": "a", "flush": True})
            await socket.send_json({"context_id": "a", "close_context": True})
            assert await socket.receive_json(timeout=5) == {"isFinal": True, "contextId": "a"}


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 401),
        ({}, {"Authorization": f"Bearer {KEY}"}, 401),
        ({"model": "nova-3"}, TOKEN, 400),
        ({"encoding": "pcmu"}, TOKEN, 400),
        ({"sample_rate": "24000"}, TOKEN, 400),
        ({"speed": "2"}, TOKEN, 400),
        ({"container": "none"}, TOKEN, 400),
    ],
)
async def test_deepgram_refuses_the_connection(
    client: aiohttp.ClientSession, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with deepgram_voice_server() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{server.url}/v1/speak", params=AURA | change, headers=headers)
        assert (refused.value.status, len(server.violations)) == (status, 1)
        server.violations.clear()


@pytest.mark.parametrize(
    "message", [{"type": "Speak"}, {"text": "Hello."}, {"type": "KeepAlive"}, {"type": "Finalize"}]
)
async def test_deepgram_refuses_a_message(
    client: aiohttp.ClientSession, message: dict[str, Any]
) -> None:
    async with (
        deepgram_voice_server() as server,
        client.ws_connect(f"{server.url}/v1/speak", params=AURA, headers=TOKEN) as socket,
    ):
        assert (await socket.receive_json(timeout=5))["type"] == "Metadata"
        await socket.send_json(message)
        await socket.receive(timeout=5)
        assert (socket.close_code, len(server.violations)) == (1008, 1)
        server.violations.clear()


async def deepgram_says(socket: Socket) -> str:
    """The next message that is no sound."""
    while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.BINARY:
        pass
    return str(message.json()["type"])


async def test_deepgram_takes_twenty_flushes_a_minute(client: aiohttp.ClientSession) -> None:
    async with (
        deepgram_voice_server() as server,
        client.ws_connect(f"{server.url}/v1/speak", params=AURA, headers=TOKEN) as socket,
    ):
        assert await deepgram_says(socket) == "Metadata"
        told = []
        for _ in range(FLUSHES + 1):
            await socket.send_json({"type": "Speak", "text": "Hello."})
            await socket.send_json({"type": "Flush"})
            told.append(await deepgram_says(socket))
        assert told == [*["Flushed"] * FLUSHES, "Warning"]
        assert server.violations == ["too many flushes"]
        server.violations.clear()


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Token {KEY}"}])
async def test_cartesia_refuses_the_connection(
    client: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    async with cartesia_voice_server() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{server.url}/tts/websocket", headers=headers)
        assert (refused.value.status, len(server.violations)) == (401, 1)
        server.violations.clear()


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "aura-2"},
        {"voice": "en-us"},
        {"output_format": RAW | {"encoding": "mulaw"}},
        {"output_format": RAW | {"sample_rate": 11025}},
        {"max_buffer_delay_ms": 6_000},
        {"generation_config": {"speed": 2.0}},
        {"transcript": " "},
        {"text": "Hello."},
    ],
)
async def test_cartesia_refuses_a_message(
    client: aiohttp.ClientSession, change: dict[str, Any]
) -> None:
    async with (
        cartesia_voice_server() as server,
        client.ws_connect(f"{server.url}/tts/websocket", headers=BEARER) as socket,
    ):
        await socket.send_json(SONIC | change)
        answer = await socket.receive_json(timeout=5)
        assert (answer["type"], answer["status_code"]) == ("error", 400)
        assert len(server.violations) == 1
        server.violations.clear()


async def test_cartesia_takes_nothing_behind_a_contexts_last_input(
    client: aiohttp.ClientSession,
) -> None:
    async with (
        cartesia_voice_server() as server,
        client.ws_connect(f"{server.url}/tts/websocket", headers=BEARER) as socket,
    ):
        await socket.send_json(SONIC)
        while (await socket.receive_json(timeout=5))["type"] != "done":
            pass
        await socket.send_json(SONIC)
        assert (await socket.receive_json(timeout=5))["type"] == "error"
        server.violations.clear()


async def test_cartesia_hangs_up_on_an_idle_connection(client: aiohttp.ClientSession) -> None:
    async with cartesia_voice_server() as server:
        server.second_s = 0.0001  # 300 of them
        async with client.ws_connect(f"{server.url}/tts/websocket", headers=BEARER) as socket:
            await socket.receive(timeout=5)
            assert socket.close_code == 1000
