"""Both detectors, by energy and with Silero: what each must do, and what only the second can."""

import importlib.util
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sounds import NOISES, RATE_HZ, Sound, amplitudes, at, hiss, line, quiet

from services.audio import frames, phrases
from services.audio.silero import NoSilero, Silero, model_file
from services.audio.vad import Activity, Ended, Started, VadSettings, VoiceActivity
from services.audio.wav import read_wav

VOICES = sorted((Path(__file__).parents[2] / "services/cli/example/voices").glob("*.wav"))
BARGE_IN = VadSettings(minimum_rms=500, stop_ms=200, debounce_ms=0)
SPEECH_RMS = 5000
MODEL_IS_THERE = all(map(importlib.util.find_spec, ("silero_vad", "onnxruntime")))
with_silero = pytest.mark.skipif(
    not MODEL_IS_THERE, reason="onnxruntime or silero-vad has no wheel for this Python"
)

Detector = Callable[[], VoiceActivity]


@cache
def silero() -> Silero:
    return Silero()


def by_energy() -> VoiceActivity:
    return VoiceActivity(BARGE_IN)


def by_silero() -> VoiceActivity:
    return VoiceActivity(BARGE_IN, voice=silero().listen())


@pytest.fixture(params=[by_energy, pytest.param(by_silero, marks=with_silero)])
def detector(request: pytest.FixtureRequest) -> VoiceActivity:
    made: VoiceActivity = request.param()
    return made


def heard(sound: Iterable[bytes], detector: VoiceActivity) -> list[Activity]:
    return [event for frame in sound if (event := detector.feed(frame))]


def starts(sound: Iterable[bytes], detector: VoiceActivity) -> list[Started]:
    return [event for event in heard(sound, detector) if isinstance(event, Started)]


def said(name: str) -> Sound:
    (file,) = (each for each in VOICES if each.stem == name)
    return amplitudes(frames.split(read_wav(file)))


@pytest.mark.parametrize("voice", VOICES, ids=lambda file: file.stem)
def test_a_caller_is_heard_within_200_ms_of_the_first_loud_frame_and_200_ms_after_the_last(
    voice: Path, detector: VoiceActivity
) -> None:
    sound = list(frames.split(read_wav(voice)))
    events = heard([*sound, *[frames.SILENT_FRAME] * 20], detector)
    first, last = events[0], events[-1]
    assert isinstance(first, Started)
    assert 4 <= first.frame - first.started_frame < 10
    assert isinstance(last, Ended)
    assert last.frame - last.last_loud_frame == 10
    assert len(sound) - 40 < last.last_loud_frame <= len(sound) - 15  # 400 ms are quiet


@pytest.mark.parametrize("rms", [0, 20, 60, 150])
def test_a_line_on_which_nobody_speaks_is_silent(rms: float, detector: VoiceActivity) -> None:
    assert heard(line(quiet(10, rms)), detector) == []


def test_digital_silence_and_no_sound_at_all_are_silent(detector: VoiceActivity) -> None:
    assert heard([frames.SILENT_FRAME] * 200 + [b""] * 200, detector) == []


def test_single_clicks_are_no_speech(detector: VoiceActivity) -> None:
    click = np.concatenate([at(12_000, quiet(0.02, 1)), quiet(0.48)])
    assert heard(line(quiet(0.5), *[click] * 10), detector) == []


def test_a_voice_is_heard_over_a_noisy_line(detector: VoiceActivity) -> None:
    voice = np.concatenate([quiet(4), said("opening-hours"), quiet(2)])
    noise = quiet(len(voice) / RATE_HZ, 300)
    *_, started = starts(line(voice + noise), detector)
    assert 215 < started.started_frame < 230


def test_a_pause_divides_two_sentences(detector: VoiceActivity) -> None:
    sentences = line(said("hello"), quiet(1), said("goodbye"), quiet(1))
    kinds = [type(event) for event in heard(sentences, detector)]
    assert kinds == [Started, Ended] * (len(kinds) // 2)
    assert len(kinds) >= 4


@with_silero
@pytest.mark.parametrize("level_db", [-10, -5, 0])
@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.__name__)
def test_noise_as_loud_as_a_voice_is_speech_by_energy_and_none_by_silero(
    noise: Callable[[float], Sound], level_db: int
) -> None:
    """`level_db`: beside a voice's."""
    rms = SPEECH_RMS * 10 ** (level_db / 20)
    sound = line(quiet(1, 10), at(rms, noise(10)), quiet(1, 10))
    assert starts(sound, by_energy())
    assert starts(sound, by_silero()) == []


@with_silero
def test_who_speaks_amid_noise_is_heard_from_about_the_first_word() -> None:
    noise = at(SPEECH_RMS / 4, hiss(0.6))
    alone_s = 0.5
    begin = round(alone_s * RATE_HZ)
    voice = said("do-not-book")[round(0.3 * RATE_HZ) :]
    sound = np.concatenate([noise, quiet(1)])
    sound = np.concatenate([sound, np.zeros(max(0, begin + len(voice) - len(sound)))])
    sound[begin : begin + len(voice)] += voice
    begins_at = 50 + begin // frames.FRAME_BYTES
    (started, *_) = starts(line(quiet(1), sound, quiet(1)), by_silero())
    assert begins_at - 5 <= started.started_frame <= begins_at + 10
    assert starts(line(quiet(1), sound, quiet(1)), by_energy())[0].started_frame == 51


@with_silero
def test_noise_that_goes_on_after_a_voice_does_not_keep_the_caller_speaking() -> None:
    voice = said("confirm")[: -round(0.65 * RATE_HZ)]  # in mid-word
    sound = line(quiet(1), voice, at(SPEECH_RMS / 2, quiet(1.5, 1)))
    ends_at = 50 + len(voice) // frames.FRAME_BYTES
    (ended,) = (each for each in heard(sound, by_silero()) if isinstance(each, Ended))
    assert ended.frame <= ends_at + 10 + 25
    assert not any(isinstance(each, Ended) for each in heard(sound, by_energy()))


class Counting(Silero):
    """The model itself, and how often it was asked."""

    windows = 0

    def probability(self, window: Sound, state: Sound) -> tuple[float, Sound]:
        self.windows += 1
        return super().probability(window, state)


@with_silero
def test_the_model_is_not_asked_while_nobody_speaks() -> None:
    model = Counting()
    detector = VoiceActivity(BARGE_IN, voice=model.listen())
    heard(line(quiet(10, 60)), detector)
    click = np.concatenate([at(12_000, quiet(0.02, 1)), quiet(0.48)])
    heard(line(*[click] * 10), detector)
    assert model.windows == 0


@with_silero
def test_the_model_hears_160_ms_when_speech_starts_and_again_after_each_400_ms_of_it() -> None:
    model = Counting()
    sound = line(quiet(2), said("parking"), quiet(2))
    started, *_, ended = heard(sound, VoiceActivity(BARGE_IN, voice=model.listen()))
    assert isinstance(ended, Ended)
    times = 1 + (ended.last_loud_frame - started.frame) // 21
    assert 5 * (times - 1) <= model.windows <= 5 * times


@with_silero
def test_calls_that_share_the_model_do_not_disturb_each_other() -> None:
    sounds = [list(frames.split(read_wav(voice))) for voice in VOICES[:4]]
    alone = [heard(sound, by_silero()) for sound in sounds]
    together: list[list[Activity]] = [[] for _ in sounds]
    detectors = [by_silero() for _ in sounds]
    for number in range(max(map(len, sounds))):
        for sound, detector, events in zip(sounds, detectors, together, strict=True):
            events += heard(sound[number : number + 1], detector)
    assert together == alone


@with_silero
def test_the_package_whose_file_it_is_is_not_imported() -> None:
    silero()
    assert "silero_vad" not in sys.modules


@pytest.mark.parametrize("package", ["silero_vad", "onnxruntime"])
def test_what_is_not_installed_is_named_with_what_to_do(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as Python has what is not there
    missing = package.replace("_", "-")
    with pytest.raises(NoSilero, match=rf"^{missing} is not installed: pip install "):
        model_file()


@with_silero
def test_callers_of_load_tests_have_a_voice() -> None:
    """What the load's callers say is cut from this phrase."""
    assert len(starts(frames.split(phrases.one_moment()), by_silero())) >= 1
