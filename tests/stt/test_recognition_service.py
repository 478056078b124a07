"""Calls hosted on a real server: frames and line events in, the transcript out."""

import asyncio

import pytest
from nats.aio.msg import Msg
from stt_doubles import Recording
from stt_hosting import (
    HELLO,
    QUICK,
    finished,
    frames,
    heard_by_test,
    hosting,
    listened_to,
    owned,
    scripted,
)
from stt_telephone import Telephone, until
from stt_voices import spoken

from contracts.agent import Agent, Intent, Limits, Provider, Turns
from contracts.codec import Codec
from contracts.recorded import Message
from contracts.streams import DRAFT, live_subject
from contracts.transcript import TranscriptDrafted, TranscriptFinalized, UtteranceMisheard
from infra.nats import Bus
from services.audio.frames import SILENT_FRAME
from services.stt.provider import Heard, RecognitionFailed
from services.stt.providers.pocketsphinx import PocketSphinx
from services.stt.providers.scripted import Scripted

BROKEN = RecognitionFailed("recording", "broken", retryable=True)


async def test_a_turn_is_stored_with_its_confidence_and_the_end_of_its_speech(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus, recording):
        ended_ms = await call.say()
        await listened_to(call, recording)
        await finished(recording)
        recording.ears[0].say(HELLO)
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert isinstance(stored, TranscriptFinalized)
    assert (stored.text, stored.confidence, stored.language) == ("hello", 0.8, "en-US")
    assert (stored.speech_ended_ms, stored.utterance) == (ended_ms, 1)
    assert stored.provider == "recording"


async def test_words_on_both_sides_of_a_broken_line_are_two_turns_and_neither_is_lost(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus, recording):
        await listened_to(call, recording)
        await call.start_speech()
        call.send(frames(1, 40))
        await call.lose_line()
        await finished(recording)
        recording.ears[0].say(HELLO)
        await call.wait_for(TranscriptFinalized)
        await call.say(frames(101, 140))
        await finished(recording)
        recording.ears[0].say(HELLO)
        both = await call.wait_for(TranscriptFinalized, 2)
    assert [event.utterance for event in both] == [1, 2]
    assert recording.ears[0].fed == [*frames(1, 40), *frames(101, 140)]


@pytest.mark.parametrize("hours", [-3, 3])
async def test_a_gateway_whose_clock_is_wrong_delays_no_turn_for_long(
    bus: Bus, tenant: str, hours: int
) -> None:
    call = await Telephone.ring(bus, scripted("hello"), tenant)
    async with hosting(bus, Scripted()):
        await owned(call)
        await call.start_speech()
        call.send([SILENT_FRAME] * 10)
        await call.end_speech(clock_ahead_ms=hours * 3_600_000)
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "hello"


async def test_a_callers_voice_is_understood_from_the_line_to_the_log(
    bus: Bus, tenant: str
) -> None:
    ears = PocketSphinx(processes=1)
    intent = Intent(name="no", kind="confirm", phrases=("no thank you", "yes please"))
    call = await Telephone.ring(bus, Agent(name="a", turns=QUICK, intents=(intent,)), tenant)
    async with hosting(bus, ears):
        await call.say(spoken("decline"))
        (stored,) = await call.wait_for(TranscriptFinalized)
    await ears.close()
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "no thank you"
    assert stored.confidence >= 0.3


async def test_two_utterances_within_the_silence_make_one_turn(bus: Bus, tenant: str) -> None:
    slow = Turns(stop_ms=20, silence_ms=1_500)
    call = await Telephone.ring(bus, scripted("one", "two", turns=slow), tenant)
    async with hosting(bus, Scripted()):
        await call.say()
        await call.say()
        (stored,) = await call.wait_for(TranscriptFinalized)
        assert isinstance(stored, TranscriptFinalized)
        assert (stored.utterance, stored.text) == (2, "one")
        await call.say()
        _, after = await call.wait_for(TranscriptFinalized, count=2)
    assert isinstance(after, TranscriptFinalized)
    assert (after.utterance, after.text) == (3, "two")


async def test_drafts_are_live_and_never_stored(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    drafts: asyncio.Queue[Message] = asyncio.Queue()

    async def on_draft(message: Msg) -> None:
        drafts.put_nowait(Codec().decode(call.claim.call, message.data))

    subject = live_subject(call.claim.tenant, call.claim.call, DRAFT)
    await bus.nc.subscribe(subject, cb=on_draft)
    async with hosting(bus, recording):
        await call.start_speech()
        await until(lambda: bool(recording.ears))
        recording.ears[0].say(Heard(text="hel"))
        async with asyncio.timeout(5):
            (draft,) = (await drafts.get()).events
    assert isinstance(draft, TranscriptDrafted)
    assert draft.text == "hel"
    assert not [e for e in await call.transcript() if isinstance(e, TranscriptDrafted)]


async def test_a_turn_nothing_was_understood_of_is_misheard(bus: Bus, tenant: str) -> None:
    call = await Telephone.ring(bus, scripted(""), tenant)
    async with hosting(bus, Scripted()):
        await call.say()
        (stored,) = await call.wait_for(UtteranceMisheard)
    assert isinstance(stored, UtteranceMisheard)
    assert (stored.reason, stored.utterance) == ("nothing", 1)


async def test_words_the_recogniser_doubts_more_than_the_agent_allows_are_misheard(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    agent = Agent(
        name="a",
        turns=QUICK,
        stt=Provider(provider="recording"),
        limits=Limits(confidence=0.81),
    )
    call = await Telephone.ring(bus, agent, tenant)
    async with hosting(bus, recording):
        await call.say()
        await until(lambda: bool(recording.ears and recording.ears[0].turns))
        recording.ears[0].say(HELLO)
        (stored,) = await call.wait_for(UtteranceMisheard)
    assert isinstance(stored, UtteranceMisheard)
    assert stored.reason == "unsure"


async def test_the_recogniser_gets_the_speech_with_a_lead_in_and_not_the_silence_before(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus, recording):
        await listened_to(call, recording)
        call.send(frames(1, 40))
        await call.say(frames(41, 50))
        await until(lambda: bool(recording.ears and recording.ears[0].turns))
    assert recording.ears[0].fed == frames(41 - 15, 50)


async def test_a_recogniser_that_wants_all_frames_gets_all_frames(bus: Bus, tenant: str) -> None:
    ears = Recording(continuous=True, end_of_turn=True)
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus, ears):
        await owned(call)
        await until(lambda: bool(ears.ears))
        call.send(frames(1, 30))
        await call.say(frames(31, 40))
        call.send(frames(41, 60))
        await until(lambda: len(ears.ears[0].fed) == 60)
        ears.ears[0].say(HELLO)
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert ears.ears[0].fed == frames(1, 60)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.utterance == 1


async def test_a_recogniser_that_fails_is_replaced_and_given_the_turn_again(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus, recording):
        await call.say(frames(1, 10))
        await until(lambda: bool(recording.ears and recording.ears[0].turns))
        recording.ears[0].say(BROKEN)
        await until(lambda: len(recording.ears) > 1 and recording.ears[1].turns > 0)
        assert recording.ears[1].fed == frames(1, 10)
        recording.ears[1].say(HELLO)
        (stored,) = await call.wait_for(TranscriptFinalized)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "hello"


async def test_a_recogniser_that_fails_again_leaves_the_turn_misheard_and_hears_the_next(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus, recording):
        await call.say()
        await until(lambda: bool(recording.ears and recording.ears[0].turns))
        recording.refusals = 1
        recording.ears[0].say(BROKEN)
        (stored,) = await call.wait_for(UtteranceMisheard)
        assert isinstance(stored, UtteranceMisheard)
        assert stored.reason == "provider_failed"
        await until(lambda: len(recording.ears) > 1)
        await call.say()
        await until(lambda: bool(recording.ears[1].turns))
        recording.ears[1].say(HELLO)
        (after,) = await call.wait_for(TranscriptFinalized)
    assert isinstance(after, TranscriptFinalized)
    assert after.utterance == 2


async def test_an_agent_with_a_recogniser_not_on_offer_is_always_misheard(
    bus: Bus, tenant: str
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus):
        await call.say()
        (stored,) = await call.wait_for(UtteranceMisheard)
    assert isinstance(stored, UtteranceMisheard)
    assert (stored.reason, stored.provider) == ("provider_failed", "recording")


async def test_the_turns_of_many_calls_are_not_mixed_up(bus: Bus, tenant: str) -> None:
    calls = [
        await Telephone.ring(
            bus,
            Agent(
                name=f"a{n}",
                turns=QUICK,
                stt=Provider(provider="scripted", options={"lines": [f"line {n}"]}),
            ),
            tenant,
        )
        for n in range(10)
    ]
    async with hosting(bus, Scripted()):
        await asyncio.gather(*(call.say() for call in calls))
        stored = [(await call.wait_for(TranscriptFinalized))[0] for call in calls]
    texts = [event.text for event in stored if isinstance(event, TranscriptFinalized)]
    assert texts == [f"line {n}" for n in range(10)]
