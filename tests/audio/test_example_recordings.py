"""The example's callers, through the telephone's sound, by the recogniser that is built in."""

import re
from pathlib import Path

import pytest
from pocketsphinx import Decoder

from services.audio import frames, mulaw, phrases
from services.audio.mulaw import level_rms
from services.audio.resample import repeat_to_16_khz
from services.audio.vad import Ended, Started, VadSettings, VoiceActivity
from services.audio.wav import read_wav

VOICES = Path(__file__).parents[2] / "services/cli/example/voices"
SAID = dict(re.findall(r'^say (\S+) "(.+)"$', (VOICES / "record.sh").read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def recogniser() -> Decoder:
    decoder = Decoder(lm=None, loglevel="FATAL", bestpath=False, compallsen=True)
    grammar = f"#JSGF V1.0; grammar callers; public <phrase> = {' | '.join(SAID.values())};"
    decoder.add_jsgf_string("callers", grammar)
    decoder.activate_search("callers")
    return decoder


def spoken_part(sound: list[bytes]) -> list[bytes]:
    """What the gateway would have a recogniser hear: from the preroll to the end of speech."""
    settings = VadSettings()
    detector = VoiceActivity(settings)
    events = [event for frame in sound if (event := detector.feed(frame))]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Ended)
    first = events[0].started_frame - settings.preroll_frames
    return sound[max(0, first - 1) : events[-1].frame]


@pytest.mark.parametrize("name", SAID)
def test_each_recorded_caller_is_understood_word_for_word(name, recogniser):
    recogniser.start_utt()
    for frame in spoken_part(list(frames.split(read_wav(VOICES / f"{name}.wav")))):
        recogniser.process_raw(repeat_to_16_khz(mulaw.decode(frame)), False, False)
    recogniser.end_utt()
    assert recogniser.hyp().hypstr == SAID[name]


def test_every_recording_is_made_by_the_script_and_every_line_of_it_was_run():
    assert {path.stem for path in VOICES.glob("*.wav")} == set(SAID)


def test_the_packaged_phrase_is_three_seconds_of_a_voice():
    assert 3000 < frames.duration_ms(phrases.one_moment()) < 4000
    assert level_rms(phrases.one_moment()) > 1000
