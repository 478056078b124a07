"""The media socket: who may have a call, and what happens on its line."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from gateway_house import House, facts, only, sound
from twilio_double import LOUD, QUIET, start_message

from contracts.agent import BargeIn, Limits, Turns
from contracts.dialog import (
    HangUpRequested,
    ReplyFinished,
    ReplyInterrupted,
    TransferRequested,
)
from contracts.event import OwnerClaimed
from contracts.ids import CallId
from contracts.line import (
    DigitPressed,
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    PlaybackCleared,
    PlaybackFinished,
    PlaybackStarted,
    SentencePlayed,
    SpeechEnded,
    SpeechStarted,
)
from contracts.streams import AUDIO, audio_subject
from contracts.synthesis import SentenceSynthesized, SynthesisFailed
from services.audio.frames import unpack_caller
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


async def test_the_callers_sound_is_published_in_numbered_frames_and_captured(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await media.say(QUIET, LOUD[:100], LOUD[100:] + QUIET[:80], QUIET[80:])
    subject = audio_subject(house.tenant, CallId(document.call), "caller")
    sounds = []
    consumer = await house.bus.js.subscribe(subject, stream=AUDIO.name, ordered_consumer=True)
    await media.hang_up()  # or the third would wait for a fourth
    for _ in range(2):
        sounds.append(unpack_caller((await consumer.next_msg(timeout=5)).data))
    await consumer.unsubscribe()
    assert [sound.number for sound in sounds] == [1, 3]
    assert [sound.mulaw for sound in sounds] == [QUIET + LOUD, QUIET]


async def test_speech_becomes_events(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    for _ in range(2):
        await media.say(*[QUIET] * 20, *[LOUD] * 10, *[QUIET] * 20)
    await media.hang_up()
    events = (await house.until(document.call, LineEnded))[2:]
    assert [type(e) for e in events] == [
        SpeechStarted,
        SpeechEnded,
        SpeechStarted,
        SpeechEnded,
        LineEnded,
    ]
    started, ended = events[0], events[1]
    assert isinstance(started, SpeechStarted)
    assert facts(started) == {"utterance": 1, "first_frame": 21, "over_reply": 0}
    assert isinstance(ended, SpeechEnded)
    assert (ended.utterance, ended.last_frame) == (1, 30)
    assert started.at_ms <= ended.ended_ms <= ended.at_ms
    assert isinstance(events[4], LineEnded)
    assert (events[4].frames, events[4].reason) == (100, "caller_hung_up")


async def test_keys_become_events(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    for key in ("4", "4", "#"):
        await media.press(key)
    await media.hang_up()
    pressed = only(DigitPressed, await house.until(document.call, LineEnded))
    assert [event.digit for event in pressed] == ["4", "4", "#"]


async def test_sentences_are_played_in_order_though_the_second_comes_first(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await house.decide(document.call, ReplyFinished(at_ms=1, reply=1, sentences=2))
    house.speak(document.call, sound(400, 2), sentence=2)
    house.speak(document.call, sound(600, 1), sentence=1)
    await media.until(lambda: "r1.s2.400.end" in media.marks_asked)
    await media.play()
    assert bytes(media.played) == sound(600, 1) + sound(400, 2)
    events = (await house.until(document.call, PlaybackFinished))[2:]
    assert [type(event) for event in events] == [PlaybackStarted, SentencePlayed, PlaybackFinished]


async def test_an_owner_of_the_past_is_not_heard(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    claimed = OwnerClaimed(at_ms=1, role="dialog", host="h", epoch=2)
    await house.decide(document.call, claimed, ReplyInterrupted(at_ms=1, reply=1, heard=""))
    house.speak(document.call, sound(100, 7), reply=2, epoch=2)
    await media.until(lambda: media.buffered_ms == 100)
    house.speak(document.call, sound(100, 8), reply=3, epoch=1)
    house.speak(document.call, sound(100, 9), reply=2, sentence=2, epoch=2)
    await media.until(lambda: "r2.s2.100.end" in media.marks_asked)
    await media.play()
    assert bytes(media.played) == sound(100, 7) + sound(100, 9)


async def test_a_caller_who_speaks_over_the_reply_stops_it_at_once(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(1000, 1), last=False)
    house.speak(document.call, sound(1000, 1), start_ms=1000, last=False)
    await media.until(lambda: media.buffered_ms == 2000)
    await media.play(1000)
    await media.say(*[LOUD] * 6)
    await media.until(lambda: media.clears == 1)
    assert media.buffered_ms == 0
    house.speak(document.call, sound(200, 3), start_ms=2000)
    await media.hang_up()
    events = (await house.until(document.call, LineEnded))[2:]
    assert [type(e) for e in events] == [PlaybackStarted, PlaybackCleared, SpeechStarted, LineEnded]
    cleared, started = events[1], events[2]
    assert isinstance(cleared, PlaybackCleared)
    assert isinstance(started, SpeechStarted)
    assert (cleared.reply, cleared.sentence, cleared.sentence_ms) == (1, 1, 2000)
    assert 1000 <= cleared.played_ms <= 1500
    assert not cleared.whole
    assert started.over_reply == 1


async def test_a_reply_that_begins_while_the_caller_speaks_gives_way(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await media.say(*[LOUD] * 10)
    await house.until(document.call, SpeechStarted)
    house.speak(document.call, sound(1000, 1))
    await media.until(lambda: media.buffered_ms == 1000)
    await media.say(*[LOUD] * 10)
    await media.until(lambda: media.clears == 1)
    await media.hang_up()
    events = (await house.until(document.call, LineEnded))[2:]
    assert [type(e) for e in events] == [
        SpeechStarted,
        PlaybackStarted,
        PlaybackCleared,
        LineEnded,
    ]


async def test_where_barge_in_is_off_the_reply_goes_on_and_what_is_said_over_it_counts_not(
    house: House,
) -> None:
    await house.publish(barge_in=BargeIn(enabled=False))
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(400, 1))
    await media.until(lambda: media.buffered_ms == 400)
    await media.say(*[LOUD] * 10)
    await media.play()
    await media.press("1")
    await media.say(*[LOUD] * 10)
    await media.hang_up()
    events = await house.until(document.call, LineEnded)
    (started,) = only(SpeechStarted, events)
    assert (started.over_reply, started.first_frame) == (0, 11)
    assert media.clears == 0


async def test_softer_speech_than_the_barge_in_rule_asks_for_does_not_stop_the_reply(
    house: House,
) -> None:
    await house.publish(barge_in=BargeIn(minimum_rms=20_000), turns=Turns(minimum_rms=300))
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(400, 1))
    await media.until(lambda: media.buffered_ms == 400)
    await media.say(*[LOUD] * 10)
    await media.hang_up()
    assert not only(SpeechStarted, await house.until(document.call, LineEnded))
    assert media.clears == 0


async def test_a_reply_the_actor_gives_up_is_cleared(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(1000, 1))
    await media.until(lambda: media.buffered_ms == 1000)
    await house.decide(document.call, ReplyInterrupted(at_ms=1, reply=1, heard=""))
    await media.until(lambda: media.clears == 1)
    await house.until(document.call, PlaybackCleared)


async def test_the_words_that_a_caller_heard_are_counted_by_the_synthesisers_times(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(1000, 1))
    await media.until(lambda: media.buffered_ms == 1000)
    await media.play(500)
    synthesized = SentenceSynthesized(
        at_ms=1,
        reply=1,
        sentence=1,
        audio_ms=1000,
        first_audio_ms=1.0,
        took_ms=2.0,
        characters=20,
        provider="timed",
        word_ends_ms=(200, 500, 1000),
    )
    await house.decide(document.call, synthesized)
    await house.decide(document.call, ReplyInterrupted(at_ms=1, reply=1, heard=""))
    (cleared,) = only(PlaybackCleared, await house.until(document.call, PlaybackCleared))
    assert 500 <= cleared.played_ms < 1000
    assert cleared.words == 2


async def test_a_sentence_that_could_not_be_spoken_is_passed_over(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(200, 2), sentence=2)
    failed = SynthesisFailed(at_ms=1, reply=1, sentence=1, kind="Broken", provider="tone")
    await house.decide(document.call, failed)
    await media.until(lambda: media.buffered_ms == 200)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (HangUpRequested(at_ms=1, reason="goodbye"), "agent_hung_up"),
        (TransferRequested(at_ms=1, to="+1555", reason="asked"), "transferred"),
    ],
)
async def test_the_actor_ends_the_line(house: House, decision: Any, reason: str) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await house.decide(document.call, decision)
    assert await media.closed() == 1000
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == reason


async def test_a_caller_who_hangs_up_within_a_reply_heard_so_much_of_it(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(1000, 1))
    await media.until(lambda: media.buffered_ms == 1000)
    await media.play(600)
    await media.hang_up()
    events = (await house.until(document.call, LineEnded))[2:]
    assert [type(e) for e in events] == [PlaybackStarted, PlaybackCleared, LineEnded]
    assert isinstance(events[1], PlaybackCleared)
    assert 500 <= events[1].played_ms <= 1000
    assert await media.closed() == 1000


async def test_a_carrier_that_does_not_read_is_cut_off_and_may_come_back(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.stop_reading()
    for number in range(1500):
        house.speak(document.call, bytes(8000), start_ms=number * 1000, last=False)
        if number % 50 == 0:
            await house.bus.nc.flush()
    (lost,) = only(LineLost, await house.until(document.call, LineLost))
    assert (lost.reply, lost.reason) == (1, "the peer does not read")
    media.reset()


async def test_a_line_without_media_is_lost_and_its_socket_is_closed(house: House) -> None:
    await house.publish(limits=Limits(media_silence_ms=60))
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    assert await media.closed() == 1000
    (lost,) = only(LineLost, await house.until(document.call, LineLost))
    assert lost.reason == "no media for 60 ms"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(inactivity_ms=60), "inactivity"),
        (Limits(duration_ms=60), "duration"),
    ],
)
async def test_a_line_is_given_up_at_its_limits(house: House, limits: Limits, reason: str) -> None:
    await house.publish(limits=limits)
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    assert await media.closed() == 1000
    events = (await house.until(document.call, LineEnded))[2:]
    assert [type(event) for event in events] == [LineEnded]
    assert isinstance(events[-1], LineEnded)
    assert events[-1].reason == reason


async def test_a_line_is_not_idle_while_the_agent_speaks(house: House) -> None:
    await house.publish(limits=Limits(inactivity_ms=500))
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(1000, 1))
    assert await media.closed() == 1000
    events = await house.until(document.call, LineEnded)
    (started,), (ended,) = only(PlaybackStarted, events), only(LineEnded, events)
    assert ended.reason == "inactivity"
    assert ended.at_ms - started.at_ms >= 1000


async def test_the_only_gateway_ends_its_lines_when_it_stops(house: House) -> None:
    async with house.another(drain="end") as gateway:
        twilio = await house.twilio(gateway)
        media, document = await house.answered(twilio)
    events = (await house.until(document.call, LineEnded))[2:]
    assert [type(event) for event in events] == [LineEnded]
    assert only(LineEnded, events)[0].reason == "shutdown"
    assert await media.closed() in (1000, 1001)


async def _call_of(house: House, call_sid: str) -> str:
    """The call that a stream with this CallSid made by itself."""
    consumer = await house.bus.js.subscribe(
        f"call.{house.tenant}.*.line", stream="CALLS", ordered_consumer=True
    )
    message = await consumer.next_msg(timeout=5)
    await consumer.unsubscribe()
    assert call_sid.encode() in message.data
    return message.subject.split(".")[2]
