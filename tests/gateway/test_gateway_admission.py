"""Which media sockets get a call's line: tokens, signatures, and what comes before `start`."""

import asyncio
import json

import aiohttp
import pytest
from gateway_house import House, facts, only
from twilio_double import LOUD, start_message

from contracts.ids import CallId
from contracts.line import (
    LineAnswered,
    LineEnded,
    LineRang,
    SpeechStarted,
)
from services.gateway.clock import now_ms
from services.gateway.tokens import Tokens

SECRET = "an auth token"


async def test_a_stream_with_its_token_is_answered(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    events = await house.events(document.call)
    assert [type(event) for event in events] == [LineRang, LineAnswered]
    assert facts(events[1]) == {"stream": media.stream_sid}


async def test_who_speaks_before_the_handshake_is_answered_is_heard(house: House) -> None:
    serving = await house.open()
    twilio = await house.twilio(serving)
    document = await twilio.ring()
    start = json.dumps(start_message("MZ1", document.call_sid, document.parameters)).encode()
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(
        b"GET /twilio/media HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + _masked(start)
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 101")
    await house.until_answered(document.call)
    writer.close()


def _masked(text: bytes) -> bytes:
    """A WebSocket message of a client's; a mask of zeros leaves it as it is. RFC 6455, 5.2."""
    assert 126 <= len(text) < 65536
    return bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text


@pytest.mark.parametrize(
    "change",
    [
        {"token": ""},
        {"token": "1.2.3"},
        {"token": None},
        {"call": None},
        {"call": "a.b"},
        {"call": "another"},
    ],
)
async def test_a_stream_without_its_token_is_refused(
    house: House, change: dict[str, str | None]
) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    media = await twilio.open(document.call_sid)
    parameters = document.parameters | change
    await media.start({k: v for k, v in parameters.items() if v is not None})
    assert await media.closed() == 1008
    assert [type(event) for event in await house.events(document.call)] == [LineRang]


async def test_a_token_is_good_for_its_own_call_only(house: House) -> None:
    twilio = await house.twilio(await house.open())
    mine, other = await twilio.ring(), await twilio.ring()
    media = await twilio.open(mine.call_sid)
    await media.start({"call": mine.call, "token": other.parameters["token"]})
    assert await media.closed() == 1008
    stolen = await twilio.open(other.call_sid)
    await stolen.start(mine.parameters)
    assert await stolen.closed() == 1008


async def test_a_token_expires(house: House) -> None:
    twilio = await house.twilio(await house.open(token_secret=b"shared"))
    document = await twilio.ring()
    call, long_ago_ms = CallId(document.call), now_ms() - 61_000
    media = await twilio.open(document.call_sid)
    token = Tokens(b"shared", 60).issue(call, 1, long_ago_ms)
    await media.start({"call": call, "stint": "1", "token": token})
    assert await media.closed() == 1008


async def test_a_token_is_good_once_even_across_gateways(house: House) -> None:
    here = await house.open(token_secret=b"shared")
    there = await house.open(token_secret=b"shared")
    first = await house.twilio(here)
    media, document = await house.answered(first)
    for twilio in (first, await house.twilio(there)):
        assert await (await twilio.connect(document)).closed() == 1008
    await media.hang_up()
    await house.until(document.call, LineEnded)
    for twilio in (first, await house.twilio(there)):
        assert await (await twilio.connect(document)).closed() == 1008
    assert len(only(LineAnswered, await house.events(document.call))) == 1
    assert len(only(LineEnded, await house.events(document.call))) == 1


async def test_a_stream_must_name_its_call_in_time(house: House) -> None:
    twilio = await house.twilio(await house.open(start_ms=50))
    media = await twilio.open()
    assert await media.closed() == 1008


async def test_only_an_upgrade_that_twilio_signed_is_taken(house: House) -> None:
    gateway = await house.open(twilio_auth_token=SECRET, public_origin="https://voice.example.com")
    right = await house.twilio(
        gateway, auth_token=SECRET, public_origin="https://voice.example.com"
    )
    media, _ = await house.answered(right)
    assert not media.socket.closed
    as_a_page = right.signed("https://voice.example.com/twilio/media", {})
    for headers in ({}, as_a_page, {"X-Twilio-Signature": "x"}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await right.open(headers=headers)
        assert refused.value.status == 403


async def test_without_media_auth_a_stream_is_a_call_by_itself(house: House) -> None:
    twilio = await house.twilio(await house.open(media_auth=False))
    media = await twilio.open()
    await media.start({"agent": "receptionist"})
    await media.say(*[LOUD] * 10)
    await media.hang_up()
    await media.closed()
    call = await _call_of(house, media.call_sid)
    events = await house.until(call, LineEnded)
    assert [type(event) for event in events] == [LineRang, LineAnswered, SpeechStarted, LineEnded]


async def _call_of(house: House, call_sid: str) -> str:
    """The call that a stream with this CallSid made by itself."""
    consumer = await house.bus.js.subscribe(
        f"call.{house.tenant}.*.line", stream="CALLS", ordered_consumer=True
    )
    message = await consumer.next_msg(timeout=5)
    await consumer.unsubscribe()
    assert call_sid.encode() in message.data
    return message.subject.split(".")[2]
