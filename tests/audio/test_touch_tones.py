"""Touch tones: what is said is heard, whatever the line does to its edges."""

import numpy as np
import pytest

from services.audio import mulaw
from services.audio.frames import FRAME_BYTES, SILENT_FRAME
from services.audio.mulaw import level_rms
from services.audio.touch_tones import SYMBOLS, decode, encode, symbols_in


@pytest.mark.parametrize("late_bytes", [0, 13, 40, 80, 100, 159])
@pytest.mark.parametrize("said", [SYMBOLS, "*071A#", "1122"])
def test_symbols_are_heard_wherever_the_frames_are_cut(said: str, late_bytes: int) -> None:
    assert decode(SILENT_FRAME[:late_bytes] + encode(said)) == said


def test_a_cut_sentence_is_heard_without_its_end() -> None:
    sound = encode("*071A#")
    assert decode(sound[: -9 * FRAME_BYTES]) == "*071"


def test_a_louder_room_makes_no_symbols() -> None:
    noise = np.random.default_rng(1).normal(0, 4_000, 8_000 * 5).astype("<i2")
    assert decode(mulaw.encode(noise.tobytes())) == ""


def test_symbols_are_heard_over_a_noisy_line() -> None:
    pcm = np.frombuffer(mulaw.decode(encode(SYMBOLS)), "<i2")
    noisy = pcm + np.random.default_rng(2).normal(0, 800, len(pcm))
    assert decode(mulaw.encode(noisy.clip(-32_768, 32_767).astype("<i2").tobytes())) == SYMBOLS


def test_a_tone_is_as_loud_as_speech() -> None:
    assert level_rms(encode("5")[:FRAME_BYTES]) > 3_000


def test_what_is_no_symbol_is_left_out_of_a_text_and_refused_as_sound() -> None:
    assert symbols_in("*0 7 1 A#.") == "*071A#"
    with pytest.raises(ValueError, match="substring"):
        encode("x")
