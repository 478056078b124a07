import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audio.errors import AudioError
from services.audio.resample import LiveResampler, repeat_to_16_khz, resample, to_8_khz

RATES_HZ = [8000, 11025, 16000, 22050, 24000, 44100, 48000]
LOUDNESS = 10_000


def tone(hz: int, rate_hz: int, seconds: float = 1.0) -> bytes:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return (LOUDNESS * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes()


def loudness(pcm: bytes) -> float:
    """Of the middle, where a filter has settled: 1.0 is that of `tone`."""
    samples = np.frombuffer(pcm, "<i2").astype(float)[800:-800]
    return float(samples.std()) * 2**0.5 / LOUDNESS


def live(pcm: bytes, rate_hz: int, piece_bytes: int) -> list[bytes]:
    stream = LiveResampler(rate_hz)
    return [stream.feed(pcm[at : at + piece_bytes]) for at in range(0, len(pcm), piece_bytes)]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_voice_keeps_its_loudness_and_length(rate_hz):
    for pcm in (
        b"".join(live(tone(1000, rate_hz), rate_hz, rate_hz // 25)),
        to_8_khz(tone(1000, rate_hz), rate_hz),
    ):
        assert abs(len(pcm) // 2 - 8000) <= 10
        assert loudness(pcm) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("rate_hz", [rate for rate in RATES_HZ if rate > 11025])
def test_what_a_telephone_cannot_carry_does_not_come_back_as_another_tone(rate_hz):
    assert loudness(b"".join(live(tone(6000, rate_hz), rate_hz, rate_hz // 25))) < 0.01
    assert loudness(to_8_khz(tone(6000, rate_hz), rate_hz)) < 0.01


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_live_path_holds_no_sound_back(rate_hz):
    stream, returned_ms = LiveResampler(rate_hz), 0.0
    for pieces in range(1, 51):
        returned_ms += len(stream.feed(bytes(rate_hz // 50 * 2))) / 16
        assert pieces * (rate_hz // 50) * 1000 / rate_hz - returned_ms < 1.0


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_size_of_the_pieces_does_not_change_the_sound(rate_hz):
    pcm = tone(700, rate_hz, 0.3)
    odd = b"".join(live(pcm, rate_hz, 333))
    even = b"".join(live(pcm, rate_hz, 4096))
    shorter = min(len(odd), len(even))
    difference = np.frombuffer(odd[:shorter], "<i2") - np.frombuffer(even[:shorter], "<i2")
    assert int(np.abs(difference).max()) <= 2


@given(pieces=st.lists(st.binary(max_size=400), max_size=8), rate_hz=st.sampled_from(RATES_HZ))
def test_random_pieces_of_any_length_never_crash(pieces, rate_hz):
    stream = LiveResampler(rate_hz)
    for piece in pieces:
        assert len(stream.feed(piece)) % 2 == 0
    assert len(stream.feed(b"", last=True)) % 2 == 0


@given(pcm=st.binary(max_size=400), rate_hz=st.sampled_from(RATES_HZ))
def test_a_whole_recording_of_any_length_never_crashes(pcm, rate_hz):
    assert len(to_8_khz(pcm, rate_hz)) % 2 == 0


def test_the_loudest_sound_does_not_turn_over():
    square = np.where(np.arange(2400) // 30 % 2, 32767, -32768).astype("<i2").tobytes()
    for pcm in (to_8_khz(square, 24000), LiveResampler(24000).feed(square)):
        samples = np.frombuffer(pcm, "<i2").astype(int)[20:-20]
        assert int(np.abs(np.diff(np.sign(samples)) != 0).sum()) <= 80


def test_a_recogniser_gets_each_sample_twice():
    assert repeat_to_16_khz(b"\x01\x00\x02\x00") == b"\x01\x00\x01\x00\x02\x00\x02\x00"
    assert repeat_to_16_khz(b"\x01\x00\x02") == b"\x01\x00\x01\x00"
    assert repeat_to_16_khz(b"") == b""


@pytest.mark.parametrize("rate_hz", [0, -8000, 3999, 192_001])
def test_a_rate_that_sound_never_has_is_refused_with_those_that_it_has(rate_hz):
    with pytest.raises(AudioError, match="4000 to 192000 Hz"):
        LiveResampler(rate_hz)
    with pytest.raises(AudioError, match="4000 to 192000 Hz"):
        resample(b"\0\0", rate_hz, 8000)
