"""Calls hosted on a real server: frames and line events in, the transcript out."""

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest
from eventually import eventually_async
from nats.aio.msg import Msg
from nats_proxy import proxy
from stt_doubles import Recording
from stt_telephone import Telephone, now_ms, until
from stt_voices import spoken

from contracts.agent import Agent, Intent, Limits, Provider, Turns
from contracts.codec import Codec
from contracts.event import OwnerClaimed
from contracts.ids import HostId, new_host_id
from contracts.line import SpeechEnded, SpeechStarted
from contracts.recorded import Message
from contracts.streams import CLAIMS, DRAFT, live_subject
from contracts.transcript import TranscriptDrafted, TranscriptFinalized, UtteranceMisheard
from infra.agents import Agents
from infra.claims import Claims
from infra.journal import NatsJournal
from infra.nats import Bus, connect
from services.audio.frames import FRAME_BYTES, SILENT_FRAME
from services.stt.app import serve
from services.stt.provider import Heard, RecognitionFailed, SpeechToText
from services.stt.providers.pocketsphinx import PocketSphinx
from services.stt.providers.scripted import Scripted

QUICK = Turns(stop_ms=20, silence_ms=80)
HELLO = Heard(text="hello", final=True, confidence=0.8, language="en-US")
BROKEN = RecognitionFailed("recording", "broken", retryable=True)


@pytest.fixture
def recording() -> Recording:
    return Recording()


def scripted(*lines: str, turns: Turns = QUICK) -> Agent:
    options = {"lines": list(lines)}
    return Agent(name="a", turns=turns, stt=Provider(provider="scripted", options=options))


def heard_by_test(turns: Turns = QUICK) -> Agent:
    return Agent(name="a", turns=turns, stt=Provider(provider="recording"))


def hosting(
    bus: Bus, *ears: SpeechToText, host: HostId | None = None
) -> AbstractAsyncContextManager[None]:
    providers = {ear.name: ear for ear in ears}
    return serve(bus, NatsJournal(bus), Agents(bus), providers, host=host or new_host_id("stt"))


def frames(first: int, last: int) -> list[bytes]:
    """Frames that can be told apart."""
    return [bytes([number]) * FRAME_BYTES for number in range(first, last + 1)]


async def owned(call: Telephone) -> None:
    await call.wait_for(OwnerClaimed)  # type: ignore[type-var]


async def listened_to(call: Telephone, recording: Recording) -> None:
    """The host owns the call, and its ear is open."""
    await owned(call)
    await until(lambda: bool(recording.ears))


async def finished(recording: Recording) -> None:
    """The first ear was asked for a turn's words."""
    async with asyncio.timeout(20):
        await until(lambda: bool(recording.ears))
        await recording.ears[0].finished.acquire()


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
    slow = Turns(stop_ms=20, silence_ms=500)
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


async def test_a_host_that_comes_late_finds_the_earlier_frames_in_the_stream(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    call.send(frames(1, 20))
    await call.start_speech()
    call.send(frames(21, 40))
    async with hosting(bus, recording):
        await until(lambda: bool(recording.ears and recording.ears[0].fed))
        call.send(frames(41, 50))
        await call.end_speech()
        await until(lambda: bool(recording.ears[0].turns))
    assert recording.ears[0].fed == frames(21 - 15, 50)


async def test_turns_that_ended_before_the_host_came_are_understood_one_by_one(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    call.send(frames(1, 200))
    for utterance, first, last, ago_ms in ((1, 21, 60, 4_000), (2, 121, 170, 2_000)):
        at_ms = now_ms() - ago_ms
        call.utterance = utterance
        await call.tell(SpeechStarted(at_ms=at_ms, utterance=utterance, first_frame=first))
        await call.tell(
            SpeechEnded(
                at_ms=at_ms + 900, utterance=utterance, last_frame=last, ended_ms=at_ms + 800
            )
        )
    async with hosting(bus, recording):
        await until(lambda: bool(recording.ears and recording.ears[0].turns == 2))
        recording.ears[0].say(HELLO)
        recording.ears[0].say(HELLO)
        stored = await call.wait_for(TranscriptFinalized, count=2)
    assert recording.ears[0].fed == frames(6, 61) + frames(106, 171)
    assert [event.utterance for event in stored] == [1, 2]


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


async def test_a_host_whose_transcript_was_taken_over_writes_no_more_in_its_epoch(
    bus: Bus, tenant: str
) -> None:
    call = await Telephone.ring(bus, scripted("mine"), tenant)
    journal, place = call.journal, (call.claim.tenant, call.claim.call)
    async with Claims(bus, "stt", HostId("other")), hosting(bus, Scripted()):
        await owned(call)
        last = [recorded async for recorded in journal.read(*place, "transcript")][-1]
        claimed = OwnerClaimed(at_ms=now_ms(), role="stt", host="other", epoch=2)
        message = Message(by="other", events=(claimed,), epoch=2)
        await journal.append(*place, "transcript", message, id="other", after=last.sequence)
        await call.say()
        await call.wait_for(OwnerClaimed, count=3)  # type: ignore[type-var]
        await call.hang_up()
    stored = [recorded.message async for recorded in journal.read(*place, "transcript")]
    epochs = [message.epoch for message in stored]
    assert epochs == sorted(epochs)
    assert epochs[:3] == [1, 2, 3]


async def test_a_call_that_has_ended_wants_no_host_any_more(bus: Bus, tenant: str) -> None:
    call = await Telephone.ring(bus, scripted("goodbye", turns=Turns()), tenant)
    async with hosting(bus, Scripted()):
        await owned(call)
        await call.say((SILENT_FRAME,))
        await call.hang_up()
        (stored,) = await call.wait_for(TranscriptFinalized)

        async def released() -> bool:
            return (await bus.js.stream_info(CLAIMS.name)).state.messages == 0

        await eventually_async(released)
    assert isinstance(stored, TranscriptFinalized)
    assert stored.text == "goodbye"


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


@pytest.mark.parametrize("missed", [(1, 20), (21, 40), (41, 60)], ids=["first", "amid", "last"])
async def test_words_said_while_the_host_was_cut_off_are_fetched(
    nats_url: str, bus: Bus, tenant: str, recording: Recording, missed: tuple[int, int]
) -> None:
    call = await Telephone.ring(bus, heard_by_test(Turns(stop_ms=20, silence_ms=400)), tenant)
    async with proxy(nats_url, watched="call.") as line_to_host:
        own = await connect(line_to_host.url, name="cut off")
        async with hosting(own, recording):
            await listened_to(call, recording)
            await call.start_speech()
            for first in (1, 21, 41):
                part = frames(first, first + 19)
                if first == missed[0]:
                    async with line_to_host.away():
                        call.send(part)
                        await bus.nc.flush()
                    await until(lambda: own.connected)
                    await own.nc.flush()
                else:
                    call.send(part)
                    await bus.nc.flush()
            await call.end_speech()
            await finished(recording)
            assert recording.ears[0].fed == frames(1, 60)
        await own.close()


async def test_a_host_that_was_held_up_gives_no_turn_the_next_ones_words(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    """All of it reaches the host at once: the frames first, what the log says of them later."""
    call = await Telephone.ring(bus, heard_by_test(), tenant)
    async with hosting(bus, recording):
        await listened_to(call, recording)
        await call.start_speech()
        ago_ms = now_ms() - 3_000
        call.send(frames(1, 20), at_ms=ago_ms)
        call.send([SILENT_FRAME] * 40, at_ms=ago_ms + 400)
        call.send(frames(101, 120), at_ms=ago_ms + 1_200)
        await call.end_speech(last_frame=20)
        await finished(recording)
        assert recording.ears[0].fed[:20] == frames(1, 20)
        assert frames(101, 101)[0] not in recording.ears[0].fed


async def test_a_hole_found_after_the_end_of_speech_still_ends_the_turn(
    bus: Bus, tenant: str, recording: Recording
) -> None:
    """The frames that show the hole come between the news of the end and the end of the turn."""
    call = await Telephone.ring(bus, heard_by_test(Turns(stop_ms=20, silence_ms=600)), tenant)
    async with hosting(bus, recording):
        await listened_to(call, recording)
        await call.start_speech()
        call.send(frames(1, 20))
        await call.end_speech()
        call.frame += 5
        call.send([SILENT_FRAME] * 5)
        await finished(recording)
        assert recording.ears[0].fed[:20] == frames(1, 20)
