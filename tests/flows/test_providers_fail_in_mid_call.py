"""A whole call in which the first provider of each port fails in the middle of a turn."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from eventually import eventually_async
from house_of_vendors import House, agent, house
from programs import VOICES
from vendors.deepgram import Line
from vendors.elevenlabs import Reading
from vendors.groq import Answer

from contracts.dialog import ModelSwitched, ReplyHeard, SentenceWritten
from contracts.recorded import CallEvent
from contracts.synthesis import SentenceSynthesized, SynthesisFailed, VoiceSwitched
from contracts.transcript import RecogniserSwitched, TranscriptFinalized, UtteranceMisheard
from services.audio.frames import FRAME_BYTES, split
from services.audio.wav import read_wav
from services.call.replay import check
from services.cli.caller import Caller, place_call

pytestmark = [pytest.mark.stack, pytest.mark.timeout(60)]

QUESTION: Final = list(split(read_wav(VOICES / "opening-hours.wav")))[:70]
ONE, TWO, THREE = "We are open from nine.", "On Sunday we are closed.", "You are welcome."
AGENT = agent("when are you open", "thank you for that")


async def hangs_up_amid_speech(line: Line) -> None:
    await line.heard(30 * FRAME_BYTES)
    await line.results("when are")
    line.break_off()


async def breaks_off_after_one(answer: Answer) -> None:
    await answer.text(f"{ONE} On Sun")
    answer.break_off()


async def goes_on(answer: Answer) -> None:
    said = answer.body["messages"][-1]["content"]
    await answer.text(TWO if said == ONE else THREE)
    await answer.finish()


async def stalls_after_half_a_second(reading: Reading) -> None:
    pieces = 25 if reading.body["text"] == ONE else 50
    for _ in range(pieces):
        await reading.audio(b"\x55" * FRAME_BYTES)
    if reading.body["text"] == ONE:
        await reading.gone()


async def ask(caller: Caller, house: House, reply: int) -> None:
    """Ask, and hear the answer to its end."""
    await caller.say(QUESTION)

    async def heard() -> bool:
        events = await house.events(caller.call)
        return any(isinstance(event, ReplyHeard) and event.reply == reply for event in events)

    await eventually_async(heard, within_s=15)


def only(events: list[CallEvent], *kinds: type) -> list[CallEvent]:
    return [event for event in events if isinstance(event, kinds)]


async def test_a_caller_gets_every_answer_though_each_first_provider_fails_in_mid_turn(
    tmp_path: Path,
) -> None:
    async with house(tmp_path / "data", AGENT) as running:
        running.ears.script = hangs_up_amid_speech
        running.groq.script, running.second.script = breaks_off_after_one, goes_on
        running.voices.script = stalls_after_half_a_second
        async with place_call(running.url) as caller:
            await caller.hear_out(10)  # the greeting, still by the first voice
            await ask(caller, running, 2)
            await ask(caller, running, 3)
            await caller.hang_up()
            await asyncio.wait_for(caller.closed.wait(), 10)
        history = await running.history(caller.call)
    events = [event for each in history for event in each.message.events]
    switches = only(events, RecogniserSwitched, ModelSwitched, VoiceSwitched)
    told = {type(each).__name__: (each.kind, each.stage) for each in switches}  # type: ignore[union-attr]
    assert told == {
        "RecogniserSwitched": ("disconnected", "amid"),
        "ModelSwitched": ("disconnected", "amid"),
        "VoiceSwitched": ("timeout", "amid"),
    }
    assert len(switches) == 3  # and from then on the call stays with whom it has
    heard = [each.text for each in events if isinstance(each, TranscriptFinalized)]
    assert heard == ["when are you open", "thank you for that"]
    said = [each.text for each in events if isinstance(each, SentenceWritten)]
    assert said == ["Hello.", ONE, TWO, THREE]
    spoken = [each.provider for each in events if isinstance(each, SentenceSynthesized)]
    assert spoken[0] == "elevenlabs"
    assert spoken[-1] == "tone"
    assert not only(events, UtteranceMisheard, SynthesisFailed)
    assert check(history, AGENT) == []
