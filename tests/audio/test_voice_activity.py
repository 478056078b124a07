"""Speech is made here of bursts of noise, four syllables a second, with gaps as real speech has."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audio import frames, mulaw
from services.audio.mulaw import level_rms
from services.audio.vad import Activity, Ended, Started, VadSettings, VoiceActivity

RANDOM = np.random.default_rng(8)


def samples(ms: int) -> int:
    return ms * 8


def quiet(ms: int) -> np.ndarray:
    return np.zeros(samples(ms))


def noise(ms: int, rms: float) -> np.ndarray:
    return RANDOM.normal(0, rms, samples(ms))


def tone(ms: int, rms: float, hz: int = 100) -> np.ndarray:
    return rms * 2**0.5 * np.sin(2 * np.pi * hz * np.arange(samples(ms)) / 8000)


def speech(ms: int, rms: float = 2000) -> np.ndarray:
    """Syllables of 190 ms with gaps of 60 ms."""
    gaps = np.arange(samples(ms)) % samples(250) < samples(190)
    return noise(ms, rms) * gaps


def line(*sounds: np.ndarray) -> list[bytes]:
    pcm = np.clip(np.concatenate(sounds), -32768, 32767).astype("<i2").tobytes()
    return list(frames.split(mulaw.encode(pcm)))


def heard(sound: Iterable[bytes], detector: VoiceActivity | None = None) -> list[Activity]:
    detector = detector or VoiceActivity()
    return [event for frame in sound if (event := detector.feed(frame))]


def test_speech_starts_100_ms_after_its_first_loud_frame_and_ends_200_ms_after_its_last():
    started, ended = heard(line(quiet(1000), tone(600, 2000), quiet(1000)))
    assert isinstance(started, Started)
    assert (started.started_frame, started.frame) == (51, 55)
    assert started.level_rms == pytest.approx(2000, rel=0.05)
    assert ended == Ended(frame=90, last_loud_frame=80)


def test_silence_and_a_soft_line_are_not_speech():
    assert heard(line(quiet(2000), noise(5000, 60))) == []


@pytest.mark.parametrize("noise_rms", [0, 20, 60, 150, 300])
def test_one_sentence_is_one_speech_whatever_the_noise(noise_rms):
    sound = np.concatenate([quiet(4000), speech(2000, 3000), quiet(2000)])
    events = heard(line(sound + noise(8000, noise_rms)))[-2:]
    started, ended = events
    assert isinstance(started, Started)
    assert isinstance(ended, Ended)
    assert 201 <= started.started_frame <= 202
    assert started.frame - started.started_frame <= 5
    assert 296 <= ended.last_loud_frame <= 300


def test_a_loud_hum_from_the_first_frame_on_is_learned_and_then_speech_is_found_above_it():
    hum, said = tone(12_000, 800), np.concatenate([quiet(8000), speech(2000, 6000), quiet(2000)])
    detector = VoiceActivity()
    start_of_hum, end_of_hum, started, ended = heard(line(hum + said), detector)
    assert isinstance(start_of_hum, Started)
    assert isinstance(end_of_hum, Ended)
    assert end_of_hum.frame <= 4000 // 20
    assert isinstance(started, Started)
    assert started.started_frame in (401, 402)
    assert isinstance(ended, Ended)
    assert detector.floor_rms == pytest.approx(800, rel=0.1)


def test_a_hum_that_sets_in_during_the_call_does_not_keep_the_line_speaking_for_ever():
    *_, last = heard(line(quiet(3000), speech(1000), tone(8000, 1500)))
    assert isinstance(last, Ended)
    assert last.frame <= (4000 + 4000) // 20


def test_speech_teaches_the_noise_floor_nothing():
    detector = VoiceActivity()
    heard(line(noise(3000, 50)), detector)
    before = detector.floor_rms
    heard(line(speech(10_000) + noise(10_000, 50)), detector)
    assert detector.floor_rms == pytest.approx(before, rel=0.15)


def test_the_floor_follows_a_line_that_grows_quiet_within_half_a_second():
    detector = VoiceActivity()
    heard(line(tone(10_000, 700)), detector)
    heard(line(tone(500, 50)), detector)
    assert detector.floor_rms < 70


def test_a_click_and_a_knock_are_not_speech():
    click = np.concatenate([tone(20, 12_000), quiet(480)])
    knock = np.concatenate([noise(60, 8000), quiet(440)])
    assert heard(line(quiet(500), *[click, knock] * 10)) == []


def test_loud_frames_that_never_stand_side_by_side_are_not_speech():
    settings = VadSettings(min_loud_frames=2, min_speech_ms=60, window_ms=400)
    clicks = [np.concatenate([tone(20, 9000), quiet(20)])] * 50
    assert heard(line(quiet(500), *clicks), VoiceActivity(settings)) == []


def test_a_click_just_before_does_not_delay_speech():
    (started,) = heard(line(quiet(980), tone(20, 9000), quiet(140), tone(300, 2000)))
    assert isinstance(started, Started)
    assert (started.started_frame, started.frame) == (58, 62)


def test_a_pause_shorter_than_the_stop_does_not_end_the_speech():
    assert (
        len(heard(line(quiet(500), tone(300, 2000), quiet(180), tone(300, 2000), quiet(500)))) == 2
    )
    assert (
        len(heard(line(quiet(500), tone(300, 2000), quiet(480), tone(300, 2000), quiet(500)))) == 4
    )


def test_a_burst_within_the_debounce_is_not_a_second_start():
    settings = VadSettings(debounce_ms=1000)
    two_bursts = line(quiet(500), tone(300, 2000), quiet(400), tone(300, 2000), quiet(1500))
    assert len(heard(two_bursts, VoiceActivity(settings))) == 2


def test_speech_that_outlasts_the_debounce_is_heard_from_its_beginning():
    settings = VadSettings(debounce_ms=1000)
    sound = line(quiet(500), tone(300, 2000), quiet(400), tone(1500, 2000), quiet(500))
    _, first_end, second, _ = heard(sound, VoiceActivity(settings))
    assert isinstance(second, Started)
    assert second.started_frame == 61
    assert second.frame == first_end.frame + 51


def test_a_stricter_rule_holds_while_the_agent_speaks_and_keeps_the_floor():
    detector = VoiceActivity()
    heard(line(noise(3000, 100)), detector)
    floor_rms = detector.floor_rms
    detector.judge_by(VadSettings(minimum_rms=3000, min_speech_ms=300, window_ms=500))
    assert detector.floor_rms == floor_rms
    assert heard(line(tone(1000, 2000), tone(200, 5000), quiet(600)), detector) == []
    assert len(heard(line(tone(400, 5000)), detector)) == 1


def test_speech_under_way_ends_under_a_new_rule_too():
    detector = VoiceActivity()
    assert len(heard(line(quiet(500), tone(300, 2000)), detector)) == 1
    detector.judge_by(VadSettings(stop_ms=500))
    assert heard(line(quiet(480)), detector) == []
    assert heard(line(quiet(20)), detector) == [Ended(frame=65, last_loud_frame=40)]


def test_a_successor_goes_on_counting_where_the_line_was():
    (started,) = heard(line(tone(300, 2000)), VoiceActivity(first_frame=1001))
    assert started == Started(frame=1005, started_frame=1001, level_rms=started.level_rms)


def test_the_preroll_is_counted_in_frames():
    assert VadSettings(preroll_ms=200).preroll_frames == 10


@pytest.mark.parametrize("rms", [50, 1000, 20_000])
def test_the_level_is_the_root_mean_square_of_16_bit_samples(rms):
    assert level_rms(line(tone(20, rms))[0]) == pytest.approx(rms, rel=0.05)


def test_no_sound_has_no_level():
    assert level_rms(b"") == 0.0


LOUD, SOFT = line(tone(20, 3000))[0], frames.SILENT_FRAME


@given(st.lists(st.one_of(st.sampled_from([LOUD, SOFT]), st.binary(max_size=320)), max_size=200))
def test_random_frames_never_crash_and_starts_and_ends_take_turns(sound):
    events = heard(sound)
    assert all(type(one) is not type(other) for one, other in pairwise(events))
    assert not events or isinstance(events[0], Started)
    assert [event.frame for event in events] == sorted({event.frame for event in events})


@given(
    pattern=st.lists(st.tuples(st.booleans(), st.integers(1, 15)), max_size=30),
    settings=st.builds(
        VadSettings,
        min_loud_frames=st.integers(1, 8),
        min_speech_ms=st.integers(0, 400),
        window_ms=st.integers(0, 600),
        stop_ms=st.integers(0, 600),
        debounce_ms=st.integers(0, 800),
    ),
)
def test_whatever_the_settings_an_event_points_at_frames_that_were_loud(pattern, settings):
    sound = [LOUD if loud else SOFT for loud, count in pattern for _ in range(count)]
    for event in heard(sound, VoiceActivity(settings)):
        at = event.started_frame if isinstance(event, Started) else event.last_loud_frame
        assert sound[at - 1] is LOUD
        if isinstance(event, Started):
            loud = sum(frame is LOUD for frame in sound[at - 1 : event.frame])
            assert loud * 20 >= settings.min_speech_ms
        else:
            assert SOFT in sound[at : event.frame]
            assert LOUD not in sound[at : event.frame]
