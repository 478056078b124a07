"""A caller who waits for what is held up hears a phrase, never dead air; then the answer, once."""

import asyncio
from contextlib import AsyncExitStack

from eventually import eventually_async
from gateway_house import House, only, sound
from msgspec.structs import replace
from nats.aio.msg import Msg
from nats_proxy import Proxy, proxy
from twilio_double import LOUD, QUIET, Document, MediaSocket

from contracts.agent import Phrases
from contracts.codec import decode_phrase
from contracts.dialog import ReplyFinished, SentenceWritten, Voice
from contracts.line import (
    LineAnswered,
    PlaybackCleared,
    PlaybackFinished,
    PlaybackStarted,
    SentencePlayed,
    SpeechEnded,
    SpeechStarted,
)
from contracts.phrase import PhraseWanted
from contracts.streams import phrase_subject
from infra.nats import connect
from services.audio.phrases import one_moment

PHRASE_MS = len(one_moment()) // 8
QUESTION = [*[QUIET] * 10, *[LOUD] * 10, *[QUIET] * 20]


async def test_a_caller_who_asked_while_the_log_is_away_is_told_to_wait_until_the_answer_comes(
    house: House, nats_url: str
) -> None:
    async with proxy(nats_url) as between, AsyncExitStack() as leaving:
        media, document = await _call_behind(between, house, leaving)
        with between.held():
            await media.say(*QUESTION)
            await media.until(lambda: media.buffered_ms >= 2 * PHRASE_MS)
        assert media.clears == 0
        await house.until(document.call, SpeechEnded)
        await house.decide(document.call, ReplyFinished(at_ms=1, reply=1, sentences=1))
        house.speak(document.call, sound(400, 7))
        await media.until(lambda: "r1.s1.400.end" in media.marks_asked)
        assert media.clears == 1
        await media.play()
        assert bytes(media.played) == sound(400, 7)
        events = await house.until(document.call, PlaybackFinished)
        assert [type(event) for event in events[1:]] == [
            LineAnswered,
            SpeechStarted,
            SpeechEnded,
            PlaybackStarted,
            PlaybackFinished,
        ]


async def test_a_caller_is_told_to_wait_when_the_log_falls_silent_behind_the_question(
    house: House, nats_url: str
) -> None:
    async with proxy(nats_url) as between, AsyncExitStack() as leaving:
        media, document = await _call_behind(between, house, leaving)
        await media.say(*QUESTION)
        await house.until(document.call, SpeechEnded)
        with between.held():
            await media.until(lambda: media.buffered_ms >= PHRASE_MS)
        await media.hang_up()


async def test_a_slow_answer_is_waited_for_in_silence_while_its_hosts_live(
    house: House, nats_url: str
) -> None:
    asked = proxy(nats_url, watched="$JS.API.STREAM.MSG.GET.CALLS")
    async with asked as between, AsyncExitStack() as leaving:
        media, document = await _call_behind(between, house, leaving)
        await media.say(*QUESTION)
        await house.until(document.call, SpeechEnded)
        before = between.published

        async def asked_twice() -> bool:
            return between.published >= before + 2

        await eventually_async(asked_twice)
        house.speak(document.call, sound(400, 7))
        await media.until(lambda: "r1.s1.400.end" in media.marks_asked)
        assert (media.buffered_ms, media.clears) == (400, 0)
        await media.hang_up()


async def test_a_caller_whose_call_nobody_hosts_is_told_to_wait(house: House) -> None:
    """As while the claims elect a leader: the log itself takes events all the time."""
    house.hosts_live = False
    media, document = await house.answered(await house.twilio(await house.open()))
    await media.until(lambda: media.buffered_ms >= PHRASE_MS)
    house.speak(document.call, sound(400, 7))
    await media.until(lambda: "r1.s1.400.end" in media.marks_asked)
    await media.play()
    assert bytes(media.played) == sound(400, 7)


async def test_a_caller_who_asked_a_host_that_died_is_told_to_wait(house: House) -> None:
    media, document = await house.answered(await house.twilio(await house.open()))
    await media.say(*QUESTION)
    await house.until(document.call, SpeechEnded)
    house.hosts_live = False
    await media.until(lambda: media.buffered_ms >= PHRASE_MS)
    await media.hang_up()


async def test_a_caller_is_told_to_wait_for_a_sentence_that_is_written_and_does_not_come(
    house: House,
) -> None:
    media, document = await house.answered(await house.twilio(await house.open()))
    house.speak(document.call, sound(200, 1))
    await house.decide(document.call, written(1), written(2))
    await media.until(lambda: "r1.s1.200.end" in media.marks_asked)
    await media.play()
    await media.until(lambda: media.buffered_ms >= PHRASE_MS)
    house.speak(document.call, sound(200, 2), sentence=2)
    await media.until(lambda: "r1.s2.200.end" in media.marks_asked)
    await media.play()
    assert bytes(media.played) == sound(200, 1) + sound(200, 2)
    await house.decide(document.call, ReplyFinished(at_ms=1, reply=1, sentences=2))
    events = await house.until(document.call, PlaybackFinished)
    assert [event.sentence for event in only(SentencePlayed, events)] == [1, 2]


async def test_a_word_of_the_caller_breaks_off_the_phrase_and_is_no_barge_in(
    house: House,
) -> None:
    media, document = await house.answered(await house.twilio(await house.open()))
    await house.decide(document.call, written(1))
    await media.until(lambda: media.buffered_ms >= PHRASE_MS)
    await media.say(*QUESTION)
    await media.until(lambda: media.clears == 1)
    events = await house.until(document.call, SpeechStarted)
    assert only(SpeechStarted, events)[0].over_reply == 0
    assert not only(PlaybackCleared, events)


async def test_the_phrase_is_in_the_words_and_the_voice_of_the_agent(house: House) -> None:
    german = Voice(provider="vendor", name="Anna")
    moment, wanted = sound(900, 9), asyncio.Queue[PhraseWanted]()

    async def say(request: Msg) -> None:
        wanted.put_nowait(decode_phrase(request.data))
        await request.respond(moment)

    await house.bus.nc.subscribe(phrase_subject(house.tenant), cb=say)
    await house.publish(
        languages=("de-DE",), voices={"de": german}, phrases=Phrases(moment="Einen Moment, bitte.")
    )
    media, document = await house.answered(await house.twilio(await house.open()))
    assert await wanted.get() == PhraseWanted(
        text="Einen Moment, bitte.", voice=replace(german, language="de-DE")
    )
    await media.say(*QUESTION)
    await house.until(document.call, SpeechEnded)
    house.hosts_live = False
    await media.until(lambda: media.buffered_ms >= 900)
    await media.play()
    assert bytes(media.played).startswith(moment)
    assert wanted.empty()


async def test_the_phrase_is_a_recording_while_no_voice_has_said_it(house: House) -> None:
    await house.publish(phrases=Phrases(moment="Einen Moment, bitte."))
    media, document = await house.answered(await house.twilio(await house.open()))
    await media.say(*QUESTION)
    await house.until(document.call, SpeechEnded)
    house.hosts_live = False
    await media.until(lambda: media.buffered_ms >= PHRASE_MS)
    await media.play()
    assert bytes(media.played).startswith(one_moment())


async def _call_behind(
    between: Proxy, house: House, leaving: AsyncExitStack
) -> tuple[MediaSocket, Document]:
    """A call at a gateway whose connection goes through the proxy."""
    bus = await connect(between.url, name="gateway")
    leaving.push_async_callback(bus.close)
    return await house.answered(await house.twilio(await house.behind(bus, leaving).open()))


def written(sentence: int) -> SentenceWritten:
    return SentenceWritten(at_ms=1, reply=1, sentence=sentence, text="A sentence.", voice=Voice())
