"""Hosts of calls that come late, are cut off or replaced: no words are lost or mixed up."""

import pytest
from eventually import eventually_async
from nats_proxy import proxy
from stt_doubles import Recording
from stt_hosting import (
    HELLO,
    finished,
    frames,
    heard_by_test,
    hosting,
    listened_to,
    owned,
    scripted,
)
from stt_telephone import Telephone, now_ms, until

from contracts.agent import Turns
from contracts.event import OwnerClaimed
from contracts.ids import HostId
from contracts.line import SpeechEnded, SpeechStarted
from contracts.recorded import Message
from contracts.streams import CLAIMS
from contracts.transcript import TranscriptFinalized
from infra.claims import Claims
from infra.nats import Bus, connect
from services.audio.frames import SILENT_FRAME
from services.stt.providers.scripted import Scripted


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
