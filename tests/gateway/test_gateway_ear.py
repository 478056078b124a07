"""The caller's side of a line, without a line."""

from typing import Any

import numpy as np
from twilio_double import LOUD, QUIET

from contracts.agent import Agent, BargeIn
from services.audio import mulaw
from services.audio.frames import FRAME_BYTES, unpack_caller
from services.gateway.ear import Ear, FellSilent, Heard, Spoke, TalkedOver

T = 1_000_000


def loud(rms: float) -> bytes:
    """A frame of a tone."""
    tone = np.sin(np.arange(FRAME_BYTES) * 2 * np.pi / 16) * rms * 2**0.5
    return mulaw.encode(tone.astype("<i2").tobytes())


class Listening:
    """An ear and what it gave; 20 ms pass with every frame."""

    def __init__(self, **barge_in: Any) -> None:
        self.published: list[bytes] = []
        agent = Agent(name="a", barge_in=BargeIn(**barge_in))
        self.ear = Ear(agent, self.published.append)
        self.now_ms = T

    def hear(self, *frames: bytes, agent_audible: bool = False) -> list[Heard]:
        heard: list[Heard] = []
        for frame in frames:
            heard += self.ear.hear(frame, self.now_ms, agent_audible=agent_audible)
            self.now_ms += 20
        return heard


def test_sound_in_pieces_of_any_size_becomes_frames_of_20_ms() -> None:
    listening = Listening()
    sound = bytes(range(256)) * 5
    for size in (1, 159, 320, 500, 300):
        piece, sound = sound[:size], sound[size:]
        listening.hear(piece)
    sounds = [unpack_caller(payload) for payload in listening.published]
    assert [(sound.number, sound.last) for sound in sounds] == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert b"".join(sound.mulaw for sound in sounds) == bytes(range(256)) * 5


def test_a_frame_that_waits_for_the_next_goes_out_at_the_end() -> None:
    listening = Listening()
    listening.hear(LOUD, QUIET, LOUD)
    listening.ear.send(listening.now_ms)
    listening.ear.send(listening.now_ms)
    sounds = [unpack_caller(payload) for payload in listening.published]
    assert [(sound.number, sound.mulaw) for sound in sounds] == [(1, LOUD + QUIET), (3, LOUD)]
    assert [sound.at_ms for sound in sounds] == [T + 20, T + 60]


def test_the_end_of_speech_is_when_its_last_loud_frame_arrived() -> None:
    listening = Listening()
    heard = listening.hear(*[QUIET] * 5, *[LOUD] * 10, *[QUIET] * 20)
    assert heard == [
        Spoke(first_frame=6, over_agent=False),
        FellSilent(last_frame=15, at_ms=T + 14 * 20),
    ]


def test_after_a_barge_in_there_is_a_while_without_another() -> None:
    listening = Listening(debounce_ms=500)
    assert listening.hear(*[LOUD] * 5, agent_audible=True) == [Spoke(1, over_agent=True)]
    listening.hear(*[QUIET] * 12)
    assert listening.hear(*[LOUD] * 20, agent_audible=True) == [
        Spoke(first_frame=30, over_agent=True)
    ]


def test_speech_over_the_agent_is_not_heard_where_barge_in_is_off() -> None:
    listening = Listening(enabled=False)
    assert listening.hear(*[LOUD] * 20, agent_audible=True) == []
    assert listening.hear(*[LOUD] * 5) == [Spoke(first_frame=21, over_agent=False)]


def test_speech_that_began_before_the_agents_goes_on_to_its_end_where_barge_in_is_off() -> None:
    listening = Listening(enabled=False)
    listening.hear(*[LOUD] * 5)
    heard = listening.hear(*[LOUD] * 5, *[QUIET] * 12, agent_audible=True)
    assert heard == [FellSilent(last_frame=10, at_ms=T + 9 * 20)]


def test_who_speaks_on_when_the_agent_begins_talks_over_it_once() -> None:
    listening = Listening()
    listening.hear(*[LOUD] * 5)
    assert listening.hear(*[LOUD] * 10, agent_audible=True) == [TalkedOver()]


def test_who_falls_silent_when_the_agent_begins_does_not_talk_over_it() -> None:
    listening = Listening()
    listening.hear(*[LOUD] * 5)
    heard = listening.hear(LOUD, LOUD, *[QUIET] * 12, agent_audible=True)
    assert heard == [FellSilent(last_frame=7, at_ms=T + 6 * 20)]


def test_frames_later_than_the_carriers_stamps_allow_are_counted() -> None:
    ear = Listening().ear
    for number, delay_ms in enumerate([30, 10, 15, 30, 31, 200, 10]):
        ear.time(number * 20, T + number * 20 + delay_ms)
    assert ear.late_frames == 2


def test_two_clocks_that_drift_apart_do_not_make_every_frame_late() -> None:
    ear = Listening().ear
    for number in range(50 * 3600):
        ear.time(number * 20, T + number * 20 + number * 20 // 20_000)
    assert ear.late_frames == 0


def test_who_falls_silent_while_something_softer_sounds_has_fallen_silent() -> None:
    """The rule of barge-in knows no noisy line yet, and takes for speech what turns do not."""
    listening = Listening()
    hum, murmur = loud(300), loud(600)
    listening.hear(*[hum] * 200)
    listening.hear(*[loud(4000)] * 10)
    heard = listening.hear(*[hum] * 5, *[murmur] * 5, agent_audible=True)
    assert heard == [FellSilent(last_frame=210, at_ms=T + 209 * 20)]
