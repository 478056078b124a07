"""Twilio's media messages, read and rendered."""

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies

from services.gateway.carrier import (
    BadCarrierMessage,
    Connected,
    Digit,
    Marked,
    Media,
    Started,
    Stopped,
    Unknown,
)
from services.gateway.carriers.twilio import Twilio

TWILIO = Twilio()
FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
START: dict[str, Any] = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": "MZ1",
    "start": {
        "streamSid": "MZ1",
        "accountSid": "AC1",
        "callSid": "CA1",
        "tracks": ["inbound"],
        "customParameters": {"call": "c1"},
        "mediaFormat": FORMAT,
    },
}


def read(message: Any) -> Any:
    return TWILIO.parse(json.dumps(message).encode())


def media(payload: str, **changes: Any) -> dict[str, Any]:
    sound = {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": payload} | changes
    return {"event": "media", "sequenceNumber": "3", "streamSid": "MZ1", "media": sound}


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ({"event": "connected", "protocol": "Call", "version": "1.0.0"}, Connected()),
        (START, Started(stream="MZ1", carrier_call="CA1", parameters={"call": "c1"})),
        (media("AAA="), Media("MZ1", b"\x00\x00", 5)),
        (
            {"event": "dtmf", "streamSid": "MZ1", "dtmf": {"track": "x", "digit": "#"}},
            Digit("MZ1", "#"),
        ),
        ({"event": "mark", "streamSid": "MZ1", "mark": {"name": "r1"}}, Marked("MZ1", "r1")),
        ({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA1"}}, Stopped("MZ1")),
        ({"event": "weather", "streamSid": "MZ1"}, Unknown()),
        (media("AAA=", track="outbound"), Unknown()),
    ],
)
def test_each_message_is_understood(message: Any, meaning: Any) -> None:
    assert read(message) == meaning


@pytest.mark.parametrize(
    "message",
    [
        media("AAA"),
        media("A A="),
        media("AA-_"),
        media(""),
        media("A" * 12_000),
        media("AAA=", timestamp="soon"),
        media("AAA=", timestamp="9" * 400),
        {"event": "media", "streamSid": "MZ1"},
        {"event": "media"},
        {"event": "dtmf", "streamSid": "MZ1", "dtmf": {"digit": "secret"}},
        {"event": "mark", "streamSid": "MZ1", "mark": {"name": "x" * 300}},
        {"event": 7},
        {"no": "event"},
        [],
        "media",
        None,
        START | {"streamSid": "../../etc"},
        START | {"streamSid": "MZ1\n"},
        START | {"start": START["start"] | {"callSid": "CA 1"}},
        START | {"start": START["start"] | {"customParameters": {"call": 7}}},
    ],
)
def test_what_breaks_the_protocol_is_refused_without_being_quoted(message: Any) -> None:
    with pytest.raises(BadCarrierMessage) as refused:
        read(message)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff\xfe", b'{"x":' + b"[" * 60_000, b'{"event":"\xff"}']
)
def test_what_is_no_json_is_refused(payload: bytes) -> None:
    with pytest.raises(BadCarrierMessage, match="not JSON"):
        TWILIO.parse(payload)


@pytest.mark.parametrize(
    "change", [{"encoding": "audio/l16"}, {"sampleRate": 16_000}, {"channels": 2}]
)
def test_sound_in_another_format_is_refused_with_the_format_that_is_taken(change: Any) -> None:
    changed = START | {"start": START["start"] | {"mediaFormat": FORMAT | change}}
    with pytest.raises(BadCarrierMessage, match=r"wrong-rate audio: only audio/x-mulaw, 8000 Hz"):
        read(changed)


@given(strategies.binary(max_size=400))
def test_no_bytes_make_it_fail_otherwise(payload: bytes) -> None:
    _survives(payload)


def test_no_damaged_message_makes_it_fail_otherwise() -> None:
    chance = random.Random(7)
    whole = [json.dumps(message).encode() for message in (START, media("AAAA" * 40))]
    for _ in range(10_000):
        payload = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 6)):
            payload[chance.randrange(len(payload))] = chance.randrange(256)
        _survives(bytes(payload))


def _survives(payload: bytes) -> None:
    with suppress(BadCarrierMessage):
        TWILIO.parse(payload)


def test_what_is_sent_is_what_twilio_reads() -> None:
    assert json.loads(TWILIO.media("MZ1", b"\x00\x00")) == {
        "event": "media",
        "streamSid": "MZ1",
        "media": {"payload": "AAA="},
    }
    assert json.loads(TWILIO.mark("MZ1", "r1.s1.500")) == {
        "event": "mark",
        "streamSid": "MZ1",
        "mark": {"name": "r1.s1.500"},
    }
    assert json.loads(TWILIO.clear("MZ1")) == {"event": "clear", "streamSid": "MZ1"}
