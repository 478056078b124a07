"""Agent audio that went past a line: fetched from where it is kept, and heard once and in order."""

from contextlib import AsyncExitStack

from eventually import eventually_async
from gateway_house import House, only, sound
from nats_proxy import proxy

from contracts.dialog import ReplyFinished
from contracts.ids import CallId
from contracts.line import LineLost, LineResumed, PlaybackFinished, PlaybackStarted
from contracts.streams import AUDIO, audio_subject
from contracts.synthesis import SentenceSynthesized
from infra.nats import connect


async def test_what_was_said_while_the_gateways_connection_was_away_is_heard_after(
    house: House, nats_url: str
) -> None:
    async with proxy(nats_url) as between, AsyncExitStack() as leaving:
        bus = await connect(between.url, name="gateway")
        leaving.push_async_callback(bus.close)
        behind = house.behind(bus, leaving)
        media, document = await house.answered(await house.twilio(await behind.open()))
        house.speak(document.call, sound(200, 1), last=False)
        await media.until(lambda: media.buffered_ms == 200)
        async with between.away():
            house.speak(document.call, sound(200, 2), start_ms=200, last=False)
            house.speak(document.call, sound(200, 3), start_ms=400)
            await kept(house, document.call, 3)
        await media.until(lambda: "r1.s1.600.end" in media.marks_asked)
        await media.play()
        assert bytes(media.played) == sound(200, 1) + sound(200, 2) + sound(200, 3)
        await house.decide(document.call, ReplyFinished(at_ms=1, reply=1, sentences=1))
        events = await house.until(document.call, PlaybackFinished)
        assert len(only(PlaybackStarted, events)) == 1


async def test_a_chunk_behind_a_hole_has_what_is_missing_fetched_at_once(house: House) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    house.speak(document.call, sound(200, 1), last=False)  # before anybody listens
    await kept(house, document.call, 1)
    media = await twilio.connect(document)
    await house.until_answered(document.call)
    house.speak(document.call, sound(200, 2), start_ms=200)
    await media.until(lambda: "r1.s1.400.end" in media.marks_asked)
    await media.play()
    assert bytes(media.played) == sound(200, 1) + sound(200, 2)


async def test_a_sentence_said_to_be_published_of_which_nothing_came_is_fetched(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    house.speak(document.call, sound(200, 1))
    await kept(house, document.call, 1)
    media = await twilio.connect(document)
    await house.until_answered(document.call)
    spoken = SentenceSynthesized(
        at_ms=1,
        reply=1,
        sentence=1,
        audio_ms=200,
        first_audio_ms=1.0,
        took_ms=1.0,
        characters=9,
        provider="test",
    )
    await house.decide(document.call, spoken)
    await media.until(lambda: "r1.s1.200.end" in media.marks_asked)


async def test_however_early_the_reply_on_return_comes_nothing_of_it_is_missing(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    back = await twilio.connect(await twilio.after(document, CallStatus="in-progress"))
    await house.until(document.call, LineResumed)
    for number in range(150):
        house.speak(
            document.call, sound(20, number), reply=2, start_ms=number * 20, last=number == 149
        )
    await kept(house, document.call, 150)
    await house.returned(document.call, stint=2, reply=1)
    await back.until(lambda: "r2.s1.3000.end" in back.marks_asked)
    await back.play()
    assert bytes(back.played) == b"".join(sound(20, number) for number in range(150))


async def kept(house: House, call: str, chunks: int) -> None:
    """Returns when the stream holds so much of what the agent says."""
    subject = audio_subject(house.tenant, CallId(call), "agent")

    async def there() -> bool:
        info = await house.bus.js.stream_info(AUDIO.name, subjects_filter=subject)
        return (info.state.subjects or {}).get(subject, 0) >= chunks

    await eventually_async(there)
