"""From one sampling rate to another; 16-bit little-endian mono PCM in and out.

A resampler holds sound back: soxr's better qualities keep 25 to 66 ms inside, which a caller would
have to wait. Its quickest, QQ, keeps nothing but has no filter either (a tone of 6 kHz at a rate of
16 kHz comes out as one of 2 kHz, as loud as before). So the live path here filters first, with a
short filter of its own that delays by 1.5 ms and holds nothing back, and then uses QQ.
"""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from services.audio.errors import AudioError
from services.audio.frames import SAMPLE_RATE_HZ
from services.audio.mulaw import whole_samples

_Floats = npt.NDArray[np.float32]
_CUTOFF_HZ: Final = 3700
_FILTER_MS: Final = 3
_RATES_HZ: Final = range(4000, 192_001)


class LiveResampler:
    """A stream at `rate_hz` to 8 kHz, piece by piece, nothing held back.

    One for each stream: it carries the end of a piece over to the next.
    Raises AudioError when the rate is none that sound has.
    """

    def __init__(self, rate_hz: int) -> None:
        _check(rate_hz)
        self._half = b""  # the first byte of a sample cut in two
        self._taps = _low_pass(rate_hz) if rate_hz > SAMPLE_RATE_HZ else None
        self._before: _Floats = np.zeros(0 if self._taps is None else len(self._taps) - 1, "f4")
        self._stream = None
        if rate_hz != SAMPLE_RATE_HZ:
            self._stream = soxr.ResampleStream(
                rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="QQ"
            )

    def feed(self, pcm: bytes, *, last: bool = False) -> bytes:
        """`pcm`, the next piece of the stream, at 8 kHz. `last` brings out what is still inside."""
        pcm = self._half + pcm
        whole = whole_samples(pcm)
        self._half = pcm[len(whole) :]
        if self._stream is None:
            return whole
        samples = self._filtered(np.frombuffer(whole, "<i2").astype(np.float32))
        if last:
            samples = np.concatenate((samples, self._delayed()))
        return _pcm(self._stream.resample_chunk(samples, last=last))

    def _delayed(self) -> _Floats:
        """What the filter's own delay kept of a stream that has ended."""
        if self._taps is None or not self._before.any():
            return np.zeros(0, "f4")
        return self._filtered(np.zeros(len(self._taps) // 2, "f4"))

    def _filtered(self, samples: _Floats) -> _Floats:
        if self._taps is None or not len(samples):
            return samples
        joined = np.concatenate((self._before, samples))
        self._before = joined[len(samples) :]
        return np.convolve(joined, self._taps, "valid")


class LiveDoubling:
    """A stream of telephone sound at 16 kHz, piece by piece; a quarter millisecond is held back.

    For recognisers that take no 8 kHz; one for each stream.
    """

    def __init__(self) -> None:
        self._stream = soxr.ResampleStream(
            SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ, 1, dtype="float32", quality="QQ"
        )

    def feed(self, pcm: bytes) -> bytes:
        """`pcm`, the next piece of the stream at 8 kHz, at 16 kHz."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)  # of integers it would add noise
        return _pcm(self._stream.resample_chunk(samples))


def to_8_khz(pcm: bytes, rate_hz: int) -> bytes:
    """A whole recording at `rate_hz` to 8 kHz, in the best quality."""
    return resample(pcm, rate_hz, SAMPLE_RATE_HZ)


def resample(pcm: bytes, rate_hz: int, to_hz: int) -> bytes:
    """A whole recording from one rate to another. AudioError on a rate that sound never has."""
    _check(rate_hz)
    _check(to_hz)
    samples = np.frombuffer(whole_samples(pcm), "<i2")
    if rate_hz == to_hz or not len(samples):
        return samples.tobytes()
    return _pcm(soxr.resample(samples.astype(np.float32), rate_hz, to_hz, quality="HQ"))


def repeat_to_16_khz(pcm: bytes) -> bytes:
    """8 kHz PCM to 16 kHz by saying each sample twice.

    For recognisers with a wideband model: the cheapest way, and of those measured the one that
    PocketSphinx understands best.
    """
    return np.frombuffer(whole_samples(pcm), "<i2").repeat(2).tobytes()


def _check(rate_hz: int) -> None:
    if rate_hz not in _RATES_HZ:
        raise AudioError(f"a rate of {rate_hz} Hz is not sound: give 4000 to 192000 Hz")


def _pcm(samples: _Floats) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


@cache
def _low_pass(rate_hz: int) -> _Floats:
    """A windowed sinc of `_FILTER_MS` that keeps what 8 kHz can hold."""
    taps = rate_hz * _FILTER_MS // 1000 | 1
    at = np.arange(taps) - taps // 2
    sinc = np.sinc(2 * _CUTOFF_HZ / rate_hz * at) * np.hamming(taps)
    return np.asarray(sinc / sinc.sum(), np.float32)
