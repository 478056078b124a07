"""A line that breaks: the call goes on without it, and any gateway takes it when it comes back."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from eventually import eventually_async
from gateway_house import House, facts, only, sound
from nats_fates import Fate, in_turn
from nats_proxy import proxy
from twilio_double import LOUD, QUIET, Document, MediaSocket, TwilioDouble

from contracts.ids import CallId
from contracts.line import (
    DigitPressed,
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    LineResumed,
    PlaybackCleared,
    PlaybackStarted,
    SentencePlayed,
    SpeechStarted,
)
from contracts.recorded import Message
from infra.nats import connect

SHARED = {"token_secret": b"shared"}


async def test_a_connection_that_is_reset_is_a_line_lost_and_the_carrier_is_asked_back(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.reset()
    events = await house.until(document.call, LineLost)
    assert facts(events[-1]) == {
        "reason": "the socket was closed without a stop",
        "reply": 0,
        "sentence": 0,
        "planned": False,
    }
    again = await twilio.after(document, CallStatus="in-progress")
    back = await twilio.connect(again)
    events = await house.until(document.call, LineResumed)
    assert facts(events[-1]) == {"stream": back.stream_sid, "stint": 2, "unbroken": False}
    assert not only(LineEnded, events)


async def test_what_the_carrier_confirmed_before_the_loss_is_what_the_caller_heard(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    for sentence in (1, 2, 3):
        house.speak(document.call, sound(600, sentence), sentence=sentence)
    await media.until(lambda: media.buffered_ms == 1800)
    await media.play(1300)
    await house.until(document.call, SentencePlayed)
    await _counted(house, document.call, SentencePlayed, 2)
    media.reset()
    (lost,) = only(LineLost, await house.until(document.call, LineLost))
    assert (lost.reply, lost.sentence) == (1, 2)
    assert not only(PlaybackCleared, await house.events(document.call))


async def test_at_another_gateway_the_caller_hears_what_the_actor_says_on_return_and_nothing_older(
    house: House,
) -> None:
    here, there = await house.open(**SHARED), await house.open(**SHARED)
    media, document = await house.answered(await house.twilio(here))
    house.speak(document.call, sound(400, 1), last=False)
    await media.until(lambda: media.buffered_ms == 400)
    media.reset()
    await house.until(document.call, LineLost)
    back, _ = await _come_back(house, await house.twilio(there), document)
    house.speak(document.call, sound(400, 2), start_ms=400)
    house.speak(document.call, sound(200, 3), reply=2)
    await house.bus.nc.flush()
    await house.returned(document.call, stint=2, reply=1)
    await back.until(lambda: back.buffered_ms > 0)
    await back.until(lambda: "r2.s1.200.end" in back.marks_asked)
    await back.play()
    assert bytes(back.played) == sound(200, 3)


async def test_until_the_actor_has_seen_the_return_nothing_is_played(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    back, _ = await _come_back(house, twilio, document)
    house.speak(document.call, sound(200, 3), reply=2)
    await house.returned(document.call, stint=1, reply=0)  # of a stint that is over
    await back.press("1")
    await house.until(document.call, DigitPressed)
    assert back.buffered_ms == 0


async def test_utterances_are_counted_on_and_frame_numbers_rise_over_all_stints(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await media.say(*[QUIET] * 10, *[LOUD] * 10, *[QUIET] * 20)
    await media.press("1")
    await house.until(document.call, DigitPressed)
    media.reset()
    await house.until(document.call, LineLost)
    back, _ = await _come_back(house, twilio, document)
    await back.say(*[QUIET] * 10, *[LOUD] * 10)
    await back.press("1")
    await _counted(house, document.call, DigitPressed, 2)
    first, second = only(SpeechStarted, await house.events(document.call))
    assert (first.utterance, second.utterance) == (1, 2)
    assert (first.first_frame, second.first_frame) == (11, 2 * 2**24 + 11)


async def test_of_two_sockets_with_the_same_token_exactly_one_has_the_line(house: House) -> None:
    here, there = await house.open(**SHARED), await house.open(**SHARED)
    twilio, other = await house.twilio(here), await house.twilio(there)
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    again = await twilio.after(document)
    sockets = await asyncio.gather(*(each.connect(again) for each in (twilio, other) * 3))
    await house.until(document.call, LineResumed)

    async def all_but_one_refused() -> bool:
        return [each.socket.close_code for each in sockets].count(1008) == len(sockets) - 1

    await eventually_async(all_but_one_refused)
    (winner,) = [each for each in sockets if not each.socket.closed]
    await winner.press("7")
    await house.until(document.call, DigitPressed)
    assert len(only(LineResumed, await house.events(document.call))) == 1


async def test_a_second_socket_does_not_cost_the_first_the_line_it_is_just_getting(
    house: House, nats_url: str
) -> None:
    async with proxy(nats_url) as between, AsyncExitStack() as leaving:
        bus = await connect(between.url, name="gateway")
        leaving.push_async_callback(bus.close)
        twilio = await house.twilio(await house.behind(bus, leaving).open())
        media, document = await house.answered(twilio)
        media.reset()
        await house.until(document.call, LineLost)
        again = await twilio.after(document)
        before, between.publishes = between.published, in_turn(Fate(late_s=1.0))
        first = await twilio.connect(again)

        async def on_its_way() -> bool:
            return between.published > before

        await eventually_async(on_its_way)
        assert await (await twilio.connect(again)).closed() == 1008
        await house.until(document.call, LineResumed)
        await first.press("7")
        await house.until(document.call, DigitPressed)
        await first.hang_up()
        await house.until(document.call, LineEnded)
        assert len(only(LineLost, await house.events(document.call))) == 1


async def test_a_token_of_a_stint_that_is_over_is_refused_with_a_clear_reason(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    back, again = await _come_back(house, twilio, document)
    back.reset()
    await _counted(house, document.call, LineLost, 2)
    for old in (document, again):
        assert await (await twilio.connect(old)).closed() == 1008
    assert "reused token: another socket has this line, or had it" in caplog.text
    third, _ = await _come_back(house, twilio, again)
    await third.press("1")
    await house.until(document.call, DigitPressed)


async def test_a_gateway_whose_line_went_elsewhere_writes_and_plays_nothing_more(
    house: House,
) -> None:
    here, there = await house.open(**SHARED), await house.open(**SHARED)
    twilio = await house.twilio(here)
    media, document = await house.answered(twilio)
    back, _ = await _come_back(house, await house.twilio(there), document)  # its socket still open
    assert await media.closed() == 1000
    heard = len(media.heard)
    await house.returned(document.call, stint=2)
    house.speak(document.call, sound(200, 3), reply=1)
    await back.until(lambda: back.buffered_ms == 200)
    await back.hang_up()
    events = await house.until(document.call, LineEnded)
    kinds = [type(event) for event in events]
    assert kinds[:4] == [LineRang, LineAnswered, LineLost, LineResumed]
    assert (kinds.count(LineEnded), kinds.count(LineLost)) == (1, 1)
    assert len(media.heard) == heard


async def test_what_a_superseded_gateway_still_had_to_write_is_not_written(house: House) -> None:
    """It was paused: what it wants to add comes after another one's return."""
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await house.add(
        document.call,
        LineLost(at_ms=1, reason="its gateway is gone"),
        LineResumed(at_ms=1, stream="MZ2", stint=2),
        by="gateway-other",
    )
    for key in "123":
        await media.press(key)
    await media.hang_up()
    assert await media.closed() == 1000
    events = await house.events(document.call)
    assert not only(DigitPressed, events)
    assert not only(LineEnded, events)


async def test_a_line_that_was_taken_for_dead_is_taken_up_again_by_the_one_that_has_it(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    house.speak(document.call, sound(1000, 1))
    await media.until(lambda: media.buffered_ms == 1000)
    await house.until(document.call, PlaybackStarted)
    await house.add(document.call, LineLost(at_ms=1, reason="its gateway is gone"))
    events = await house.until(document.call, LineResumed)
    assert facts(events[-1]) == {"stream": media.stream_sid, "stint": 2, "unbroken": True}
    await house.returned(document.call, stint=2, reply=1)
    await media.until(lambda: media.clears == 1)
    house.speak(document.call, sound(200, 2), reply=2)
    await media.until(lambda: media.buffered_ms == 200)
    await media.press("1")
    await house.until(document.call, DigitPressed)
    assert await _epochs(house, document.call) == {1, 2}


async def test_the_same_gateway_takes_a_line_back_whose_old_socket_it_still_has(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    back, _ = await _come_back(house, twilio, document)
    assert await media.closed() == 1000
    await back.press("1")
    events = await house.until(document.call, DigitPressed)
    assert [type(event) for event in events[2:]] == [LineLost, LineResumed, DigitPressed]


async def test_of_a_dead_gateway_counts_as_heard_what_it_recorded(house: House) -> None:
    twilio = await house.twilio(await house.open())
    document = await _held_by_a_dead_gateway(house, twilio)
    await _come_back(house, twilio, document)
    (lost,) = only(LineLost, await house.until(document.call, LineResumed))
    assert (lost.reply, lost.sentence) == (1, 2)


@pytest.mark.parametrize("event", ["stream-stopped", "stream-error"])
async def test_a_stream_that_ended_at_a_dead_gateway_is_lost_at_once(
    house: House, event: str
) -> None:
    twilio = await house.twilio(await house.open())
    document = await _held_by_a_dead_gateway(house, twilio)
    assert (await twilio.report(document, event)).status == 204
    (lost,) = only(LineLost, await house.events(document.call))
    assert lost.reason == event


async def test_reports_of_streams_that_are_over_or_held_change_nothing(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await twilio.report(document, "stream-started")
    await twilio.report(document, "stream-stopped")  # whoever holds it will know
    assert not only(LineLost, await house.events(document.call))
    media.reset()
    await house.until(document.call, LineLost)
    await _come_back(house, twilio, document)
    await house.add(document.call, LineResumed(at_ms=1, stream="MZ3", stint=3))
    await twilio.report(document, "stream-stopped")  # comes late, of the first stint
    assert len(only(LineLost, await house.events(document.call))) == 1


async def test_limits_of_duration_count_from_the_first_answer(house: House) -> None:
    twilio = await house.twilio(await house.open())
    document = await _held_by_a_dead_gateway(house, twilio)  # answered decades ago
    back = await twilio.connect(await twilio.after(document))
    assert await back.closed() == 1000
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "duration"


async def test_signed_webhooks_of_a_return_are_taken_and_forged_ones_are_not(house: House) -> None:
    public, secret = "https://voice.example.com", "an auth token"
    gateway = await house.open(twilio_auth_token=secret, public_origin=public)
    twilio = await house.twilio(gateway, auth_token=secret, public_origin=public)
    forger = await house.twilio(gateway, auth_token="another", public_origin=public)
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    assert (await forger.after(document)).status == 403
    assert (await forger.report(document, "stream-stopped")).status == 403
    assert (await twilio.report(document, "stream-stopped")).status == 204
    await _come_back(house, twilio, document)
    await house.until(document.call, LineResumed)


async def _come_back(
    house: House, twilio: TwilioDouble, document: Document
) -> tuple[MediaSocket, Document]:
    again = await twilio.after(document, CallStatus="in-progress")
    stints = len(only(LineResumed, await house.events(document.call)))
    media = await twilio.connect(again)
    await _counted(house, document.call, LineResumed, stints + 1)
    return media, again


async def _held_by_a_dead_gateway(house: House, twilio: TwilioDouble) -> Document:
    document = await twilio.ring()
    await house.add(
        document.call,
        LineAnswered(at_ms=1, stream="MZ1"),
        PlaybackStarted(at_ms=1, reply=1),
        SentencePlayed(at_ms=1, reply=1, sentence=1),
        SentencePlayed(at_ms=1, reply=1, sentence=2),
    )
    return document


async def _counted(house: House, call: str, kind: type, count: int) -> None:
    async def so_many() -> bool:
        return len(only(kind, await house.events(call))) == count

    await eventually_async(so_many)


async def _epochs(house: House, call: str) -> set[int]:
    found: list[Message] = []
    async for recorded in house.journal.read(house.tenant, CallId(call), "line"):
        found.append(recorded.message)
    return {message.epoch for message in found if message.by.startswith("gateway-")} - {0}
