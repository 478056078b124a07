"""A gateway that asks Silero whether what is loud is a voice."""

import importlib.util
import sys

import numpy as np
import pytest
from gateway_house import House, only, sound
from twilio_double import QUIET, MediaSocket

from contracts.agent import Agent
from contracts.line import LineEnded, PlaybackCleared, SpeechEnded, SpeechStarted
from loadtest.speech import burst
from services.audio import frames, mulaw
from services.audio.silero import NoSilero, Silero
from services.gateway.ear import Ear, Spoke, TalkedOver

with_silero = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("silero_vad", "onnxruntime"))),
    reason="onnxruntime or silero-vad has no wheel for this Python",
)
VOICE = burst(600)
NOISE = list(
    frames.split(
        mulaw.encode(np.random.default_rng(8).normal(0, 3000, 8 * 600).astype("<i2").tobytes())
    )
)


async def say_much(house: House, media: MediaSocket, call: str) -> None:
    """A reply of eight seconds is on its way to the caller."""
    for second in range(8):
        house.speak(call, sound(1000, 1), start_ms=second * 1000, last=second == 7)
    await media.until(lambda: media.buffered_ms == 8000)


@with_silero
async def test_noise_does_not_stop_a_reply_and_a_voice_does(house: House) -> None:
    twilio = await house.twilio(await house.open(detector="silero"))
    media, document = await house.answered(twilio)
    await say_much(house, media, document.call)
    await media.say(*NOISE, *[QUIET] * 20, *VOICE)
    await media.until(lambda: media.clears == 1)
    await media.hang_up()
    events = await house.until(document.call, LineEnded)
    (started,) = only(SpeechStarted, events)
    assert started.first_frame == len(NOISE) + 20 + 1
    assert started.over_reply == 1
    assert only(PlaybackCleared, events)


@with_silero
async def test_noise_is_no_turn_and_a_voice_is_one(house: House) -> None:
    twilio = await house.twilio(await house.open(detector="silero"))
    media, document = await house.answered(twilio)
    await media.say(*NOISE, *[QUIET] * 20, *VOICE, *[QUIET] * 20)
    events = await house.until(document.call, SpeechEnded)
    (started,), (ended,) = only(SpeechStarted, events), only(SpeechEnded, events)
    assert (started.first_frame, ended.last_frame) == (51, 80)
    await media.hang_up()


@with_silero
def test_who_speaks_on_talks_over_the_agent_and_noise_that_goes_on_does_not() -> None:
    assert talks_over_with(VOICE * 2)
    assert not talks_over_with(NOISE * 2)


def talks_over_with(sound: list[bytes]) -> bool:
    """Whether the agent, who begins a moment later, is talked over by what follows a voice."""
    ear = Ear(Agent(name="a"), lambda _: None, voice=Silero().listen())
    heard = []
    for number, frame in enumerate([*VOICE, *sound]):
        agent_audible = number >= len(VOICE) + 20
        heard += ear.hear(frame, 1_000 + number * 20, agent_audible=agent_audible)
    assert isinstance(heard[0], Spoke)
    return TalkedOver() in heard


async def test_the_same_noise_stops_a_reply_where_energy_alone_tells(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    await say_much(house, media, document.call)
    await media.say(*NOISE)
    await media.until(lambda: media.clears == 1)
    await media.hang_up()


async def test_a_gateway_that_should_use_silero_and_has_none_says_what_to_install(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad", None)  # as Python has what is not there
    with pytest.raises(NoSilero, match="pip install"):
        await house.open(detector="silero")
