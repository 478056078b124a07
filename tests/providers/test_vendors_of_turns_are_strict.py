"""The vendors of recognisers that end turns themselves refuse what the real ones refuse."""

from typing import Any

import aiohttp
import pytest
from vendors import sockets
from vendors.cartesia import InkServer, cartesia_server
from vendors.deepgram import deepgram_server
from vendors.deepgram_flux import FluxServer, flux_server
from vendors.serving import KEY

LISTEN = {"model": "nova-3", "encoding": "mulaw", "sample_rate": "8000"}
FLUX = {"model": "flux-general-en", "encoding": "mulaw", "sample_rate": "8000"}
INK = {"model": "ink-2", "encoding": "pcm_mulaw", "sample_rate": "8000"}
TOKEN = {"Authorization": f"Token {KEY}"}
BEARER = {"Authorization": f"Bearer {KEY}"}
VERSIONED = {"Authorization": f"Bearer {KEY}", "Cartesia-Version": "2026-08-14"}


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 401),
        ({}, {"Authorization": f"Bearer {KEY}"}, 401),
        ({"model": "whisper-1"}, TOKEN, 400),
        ({"encoding": "pcmu"}, TOKEN, 400),
        ({"interim_results": "True"}, TOKEN, 400),
        ({"utterance_end_ms": "500", "interim_results": "true"}, TOKEN, 400),
        ({"utterance_end_ms": "1000"}, TOKEN, 400),
        ({"endpointing": "0.3"}, TOKEN, 400),
        ({"samplerate": "8000"}, TOKEN, 400),
    ],
)
async def test_deepgram_refuses_the_connection(
    client: aiohttp.ClientSession, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with deepgram_server() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(
                f"{server.url}/v1/listen", params=LISTEN | change, headers=headers
            )
        assert (refused.value.status, len(server.violations)) == (status, 1)
        server.violations.clear()


@pytest.mark.parametrize(
    ("frame", "code"),
    [(b"", 1000), (b'{"type": "KeepAlive"}', 1008), (None, 1011)],
)
async def test_deepgram_hangs_up(
    client: aiohttp.ClientSession, frame: bytes | None, code: int
) -> None:
    async with deepgram_server() as server:
        server.idle_s = 0.05 if frame is None else 5.0
        async with client.ws_connect(
            f"{server.url}/v1/listen", params=LISTEN, headers=TOKEN
        ) as socket:
            if frame is not None:
                await socket.send_bytes(frame)
            await socket.receive(timeout=5)
            assert (socket.close_code, len(server.violations)) == (code, 1)
        server.violations.clear()


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 401),
        ({}, BEARER, 401),
        ({"model": "nova-3"}, TOKEN, 400),
        ({"encoding": "flac"}, TOKEN, 400),
        ({"interim_results": "true"}, TOKEN, 400),
        ({"eot_threshold": "0.4"}, TOKEN, 400),
        ({"eager_eot_threshold": "0.2"}, TOKEN, 400),
        ({"eager_eot_threshold": "0.8", "eot_threshold": "0.7"}, TOKEN, 400),
        ({"eot_timeout_ms": "400"}, TOKEN, 400),
        ({"language_hint": "en"}, TOKEN, 400),
        ({"language_hint": "sw", "model": "flux-general-multi"}, TOKEN, 400),
    ],
)
async def test_flux_refuses_the_connection(
    client: aiohttp.ClientSession, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with flux_server() as server:
        await refused(client, server, FLUX | change, headers, status)


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 401),
        ({}, VERSIONED | TOKEN, 401),
        ({}, VERSIONED | {"X-API-Key": KEY}, 401),
        ({}, BEARER, 400),
        ({}, VERSIONED | {"Cartesia-Version": "2024-06-10"}, 400),
        ({"model": "ink-whisper"}, VERSIONED, 400),
        ({"encoding": "mulaw"}, VERSIONED, 400),
        ({"sample_rate": "8k"}, VERSIONED, 400),
        ({"language": "en"}, VERSIONED, 400),
        ({"turn_eager_end_threshold": "0.7"}, VERSIONED, 400),
        ({"turn_end_threshold": "0.5"}, VERSIONED, 400),
        ({"turn_end_timeout_ms": "500"}, VERSIONED, 400),
        ({"keyterm": "x" * 1_201}, VERSIONED, 400),
    ],
)
async def test_ink_refuses_the_connection(
    client: aiohttp.ClientSession, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with cartesia_server() as server:
        await refused(client, server, INK | change, headers, status)


async def refused(
    client: aiohttp.ClientSession,
    server: sockets.SocketVendor[Any],
    query: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await client.ws_connect(f"{server.url}{server.path}", params=query, headers=headers)
    assert (refusal.value.status, len(server.violations)) == (status, 1)
    server.violations.clear()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", 1000),
        (b'{"type": "CloseStream"}', 1008),
        ('{"type": "KeepAlive"}', 1008),
        ('{"type": "Finalize"}', 1008),
        (None, 1011),
    ],
)
async def test_flux_hangs_up(
    client: aiohttp.ClientSession, frame: bytes | str | None, code: int
) -> None:
    async with flux_server() as server:
        server.idle_s = 0.05 if frame is None else 5.0
        assert await hung_up(client, server, FLUX, TOKEN, frame) == code


@pytest.mark.parametrize(("frame", "code"), [("finalize", 1008), ("{}", 1008), (None, 1000)])
async def test_ink_hangs_up(
    client: aiohttp.ClientSession, frame: bytes | str | None, code: int
) -> None:
    async with cartesia_server() as server:
        server.idle_s = 0.05 if frame is None else 5.0
        assert await hung_up(client, server, INK, VERSIONED, frame) == code


async def hung_up(
    client: aiohttp.ClientSession,
    server: FluxServer | InkServer,
    query: dict[str, str],
    headers: dict[str, str],
    frame: bytes | str | None,
) -> int | None:
    """The code a connection ends with on which this is sent; None: nothing at all."""
    address = f"{server.url}{server.path}"
    async with client.ws_connect(address, params=query, headers=headers) as socket:
        if isinstance(frame, str):
            await socket.send_str(frame)
        elif frame is not None:
            await socket.send_bytes(frame)
        async for _ in socket:
            pass
    assert len(server.violations) == 1
    server.violations.clear()
    return socket.close_code


@pytest.mark.parametrize("text", ["hello", "[]", '{"type": "Flush"}', '{"kind": "KeepAlive"}'])
async def test_deepgram_says_when_it_cannot_read_a_message(
    client: aiohttp.ClientSession, text: str
) -> None:
    async with (
        deepgram_server() as server,
        client.ws_connect(f"{server.url}/v1/listen", params=LISTEN, headers=TOKEN) as socket,
    ):
        await socket.send_str(text)
        assert (await socket.receive_json(timeout=5))["type"] == "Error"
        server.violations.clear()
