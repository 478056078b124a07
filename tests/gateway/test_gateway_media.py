"""The media socket of a call: what happens on its line."""

from typing import Any

import pytest
from gateway_house import House, facts, only, sound
from twilio_double import LOUD, QUIET

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
    LineEnded,
    LineLost,
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
    house.speak(document.call, sound(1000, 1), last=False)
    house.speak(document.call, sound(1000, 1), start_ms=1000)
    await media.until(lambda: media.buffered_ms == 2000)
    await media.play(500)
    synthesized = SentenceSynthesized(
        at_ms=1,
        reply=1,
        sentence=1,
        audio_ms=2000,
        first_audio_ms=1.0,
        took_ms=2.0,
        characters=20,
        provider="timed",
        word_ends_ms=(200, 500, 2000),
    )
    await house.decide(document.call, synthesized)
    await house.decide(document.call, ReplyInterrupted(at_ms=1, reply=1, heard=""))
    (cleared,) = only(PlaybackCleared, await house.until(document.call, PlaybackCleared))
    assert 500 <= cleared.played_ms <= 1000  # no more than up to the next mark
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
    await house.publish(limits=Limits(inactivity_ms=1_500))
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(1000, 1), last=False)
    house.speak(document.call, sound(1000, 1), start_ms=1000)
    assert await media.closed() == 1000
    events = await house.until(document.call, LineEnded)
    (started,), (ended,) = only(PlaybackStarted, events), only(LineEnded, events)
    assert ended.reason == "inactivity"
    assert ended.at_ms - started.at_ms >= 2000


async def test_the_only_gateway_ends_its_lines_when_it_stops(house: House) -> None:
    async with house.another(drain="end") as gateway:
        twilio = await house.twilio(gateway)
        media, document = await house.answered(twilio)
    events = (await house.until(document.call, LineEnded))[2:]
    assert [type(event) for event in events] == [LineEnded]
    assert only(LineEnded, events)[0].reason == "shutdown"
    assert await media.closed() in (1000, 1001)
