"""What no carrier sends: refused with a reason, and nobody else notices."""

import asyncio
import json
import logging
import random
import string
from contextlib import suppress
from typing import Any

import pytest
from eventually import eventually_async
from gateway_house import House, only, sound
from twilio_double import LOUD, QUIET, MediaSocket, TwilioDouble

from contracts.dialog import ReplyFinished
from contracts.ids import CallId
from contracts.line import (
    LineAnswered,
    LineEnded,
    PlaybackFinished,
    SpeechEnded,
    SpeechStarted,
)
from contracts.streams import audio_subject

FRAMES = 10_000


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (
            {"event": "media", "streamSid": "MZ1", "media": {"payload": "AAA="}},
            1008,
            "before start",
        ),
        ({"event": "stop", "streamSid": "MZ1"}, 1008, "before start"),
        ({"event": "weather"}, 1008, "before start"),
        ("{", 1007, "not JSON"),
        ("[]", 1007, "protocol"),
        (b"\x00\x01", 1003, "binary"),
        ("x" * 70_000, 1009, ""),
    ],
)
async def test_what_comes_before_start_closes_the_socket(
    house: House, message: Any, code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    twilio = await house.twilio(await house.open())
    media = await twilio.open()
    await _send(media, message)
    assert await media.closed() == code
    assert any("media socket refused" in r.message and reason in r.message for r in caplog.records)


async def test_sound_at_another_rate_is_refused_with_the_rate_that_is_taken(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    media = await twilio.open(document.call_sid)
    await media.start(document.parameters, sampleRate=16_000)
    assert await media.closed() == 1007
    assert "wrong-rate audio: only audio/x-mulaw, 8000 Hz" in caplog.text
    again = await twilio.connect(document)
    await house.until(document.call, LineAnswered)
    await again.hang_up()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x00\x01", 1003),
        ("x" * 70_000, 1009),
        ({"event": "media", "streamSid": "MZother", "media": {"payload": "AAA="}}, 1008),
        ({"event": "stop", "streamSid": "MZother"}, 1008),
    ],
)
async def test_what_no_carrier_does_in_a_call_closes_its_socket_and_ends_the_line(
    house: House, message: Any, code: int
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await _send(media, message)
    assert await media.closed() == code
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "refused"


async def test_a_second_start_ends_the_line(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await media.send(media.start_message(document.parameters))
    assert await media.closed() == 1008
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "refused"


async def test_a_broken_message_in_a_call_is_left_out_and_counted(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await _send(media, "{")
    await media.send_event("media", media={"payload": "my secret is 4111"})
    await media.send_event("dtmf", dtmf={"digit": "4111 1111"})
    await media.send_event("weather", sun=True)
    await media.send({"event": "connected"})
    await media.say(*[LOUD] * 10)
    await media.hang_up()
    events = await house.until(document.call, LineEnded)
    assert only(SpeechStarted, events)
    assert only(LineEnded, events)[0].dropped_messages == 5
    assert "carrier message refused" in caplog.text
    assert "4111" not in caplog.text


async def test_a_carrier_that_sends_only_broken_messages_is_hung_up_on(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    for _ in range(101):
        await _send(media, "{")
    assert await media.closed() == 1007
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert (ended.reason, ended.dropped_messages) == ("refused", 101)


async def test_messages_of_kinds_a_carrier_may_add_one_day_end_no_call(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    for _ in range(300):
        await media.send_event("weather", sun=True)
    await media.hang_up()
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert (ended.reason, ended.dropped_messages) == ("caller_hung_up", 300)


async def test_agent_audio_that_is_none_disturbs_nobody(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    subject = audio_subject(house.tenant, CallId(document.call), "agent")
    for payload in (b"", b"\x02", b"\x07" * 300, bytes(9000)):
        house.bus.pub(subject, payload)
    house.speak(document.call, sound(100, 1))
    await media.until(lambda: media.buffered_ms == 100)


async def test_nothing_a_caller_says_or_is_called_gets_into_the_log_lines(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "partyline")
    twilio = await house.twilio(await house.open())
    document = await twilio.ring("?var_name=Lovelace")
    media = await twilio.connect(document)
    await media.press("9")
    await media.send_event("mark", mark={"name": "Lovelace"})
    await media.hang_up()
    await house.until(document.call, LineEnded)
    assert document.call in caplog.text
    assert "Lovelace" not in caplog.text
    assert "+1555" not in caplog.text


async def test_ten_thousand_random_frames_disturb_no_other_call(house: House) -> None:
    gateway = await house.open()
    twilio, attacker = await house.twilio(gateway), await house.twilio(gateway)
    media, document = await house.answered(twilio)
    flood = asyncio.create_task(_flood(attacker, random.Random(20_26)))
    utterances = 0
    while not flood.done():
        utterances += 1
        await _one_exchange(house, media, document.call, utterances)
    calls = await flood
    await media.hang_up()
    events = await house.until(document.call, LineEnded)
    assert len(only(SpeechStarted, events)) == len(only(SpeechEnded, events)) == utterances
    assert len(only(PlaybackFinished, events)) == utterances
    assert only(LineEnded, events)[0].dropped_messages == 0
    assert utterances > 1
    refused = 0
    for call in calls:  # reading decodes every message by its contract
        (end,) = only(LineEnded, await house.until(call, LineEnded))
        refused += end.dropped_messages
    assert refused > FRAMES * 0.8


async def _one_exchange(house: House, media: MediaSocket, call: str, turn: int) -> None:
    await media.say(*[QUIET] * 10, *[LOUD] * 10, *[QUIET] * 15)
    await _counted(house, call, SpeechEnded, turn)
    await house.decide(call, ReplyFinished(at_ms=1, reply=turn, sentences=1))
    house.speak(call, sound(100, 1), reply=turn)
    await media.until(lambda: f"r{turn}.s1.100.end" in media.marks_asked)
    await media.play()
    await _counted(house, call, PlaybackFinished, turn)


async def _counted(house: House, call: str, kind: type, count: int) -> None:
    async def so_many() -> bool:
        return len(only(kind, await house.events(call))) == count

    await eventually_async(so_many)


async def _flood(twilio: TwilioDouble, chance: random.Random) -> list[str]:
    """Frames of all sorts; a new call before the gateway has enough of the last one."""
    calls: list[str] = []
    sent = 0
    while sent < FRAMES:
        document = await twilio.ring()
        calls.append(document.call)
        media = await twilio.connect(document)
        with suppress(ConnectionError):  # closed by the gateway while we wrote
            for _ in range(90):
                await _send(media, _random_frame(chance, media))
                sent += 1
            await media.hang_up()
        await media.close()
    return calls


def _random_frame(chance: random.Random, media: MediaSocket) -> Any:
    """A frame of noise, a message with a broken part, or now and then a right one."""
    kind = chance.random()
    if kind < 0.001:
        return chance.randbytes(chance.randrange(300))
    if kind < 0.3:
        return "".join(chance.choices(string.printable, k=chance.randrange(400)))
    event = chance.choice(["media", "mark", "dtmf", "connected", "weather", "x" * 50])
    payload = "".join(chance.choices(string.ascii_letters + "+/=", k=chance.randrange(300)))
    content = chance.choice([{"payload": payload}, {"name": payload[:20]}, {"digit": "5"}, 7, None])
    return {"event": event, "streamSid": media.stream_sid, event: content}


async def _send(media: MediaSocket, message: Any) -> None:
    if isinstance(message, bytes):
        await media.socket.send_bytes(message)
    else:
        await media.socket.send_str(message if isinstance(message, str) else json.dumps(message))
