"""Touch tones (DTMF): text that can be said and heard exactly, by machines on a telephone line.

A symbol is a pair of tones, one of each group (ITU-T Q.23); a receiver takes a pair for a symbol
only when both tones stand out and are about as strong (ITU-T Q.24). Tones last whole frames, so
that a frame lost or played twice is a symbol's part and never half of two.
https://www.itu.int/rec/T-REC-Q.23 and https://www.itu.int/rec/T-REC-Q.24
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from services.audio import mulaw
from services.audio.frames import FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ, SILENT_FRAME

SYMBOLS: Final = "123A456B789C*0#D"
TONE_MS: Final = 60
GAP_MS: Final = 40
_LOW_HZ: Final = (697, 770, 852, 941)
_HIGH_HZ: Final = (1209, 1336, 1477, 1633)
_AMPLITUDE: Final = 8_000  # of each of the two tones: loud speech
_QUIET: Final = 500.0**2  # mean square of 16-bit samples below which a frame holds no tone
_OWN_SHARE: Final = 0.6  # of a frame's energy that the pair must have
_WEAKER_SHARE: Final = 0.15  # of a frame's energy that the weaker of the two must have
_FRAMES_NEEDED: Final = 2  # side by side: one could be an accident

_samples: Final = np.arange(FRAME_BYTES)
# Each row the discrete Fourier transform at one tone, what Goertzel's algorithm computes.
_waves: Final = np.exp(
    -2j * np.pi * np.outer(np.array(_LOW_HZ + _HIGH_HZ) / SAMPLE_RATE_HZ, _samples)
)


def symbols_in(text: str) -> str:
    """The symbols of `text` in their order, all else left out."""
    return "".join(letter for letter in text if letter in SYMBOLS)


def encode(symbols: str) -> bytes:
    """mu-law of the symbols, each followed by a gap. ValueError for what is no symbol."""
    return b"".join(_SOUNDS[SYMBOLS.index(symbol)] for symbol in symbols)


def decode(sound: bytes) -> str:
    """The symbols heard in mu-law `sound`."""
    hearing = Hearing()
    return "".join(filter(None, map(hearing.feed, _frames(sound))))


class Hearing:
    """Hears symbols frame by frame."""

    def __init__(self) -> None:
        self._sounding = ""  # in the newest frame
        self._run = 0  # frames it has sounded

    def feed(self, frame: bytes) -> str:
        """The symbol that these 20 ms of mu-law made certain; empty when there is none."""
        sounding = "" if frame == SILENT_FRAME else _symbol(frame)
        self._run = self._run + 1 if sounding == self._sounding else 1
        self._sounding = sounding
        return sounding if self._run == _FRAMES_NEEDED else ""


def _symbol(frame: bytes) -> str:
    """The symbol that sounds in a frame, if one does."""
    heard = mulaw.AMPLITUDES.take(np.frombuffer(frame, np.uint8)).astype(np.float64)
    energy = float(heard @ heard)
    if energy < _QUIET * len(heard) or len(heard) != FRAME_BYTES:
        return ""
    shares = np.abs(_waves @ heard) ** 2 / (energy * len(heard) / 2)
    low, high = int(np.argmax(shares[:4])), int(np.argmax(shares[4:]))
    pair = (float(shares[low]), float(shares[4 + high]))
    if sum(pair) < _OWN_SHARE or min(pair) < _WEAKER_SHARE:
        return ""
    return SYMBOLS[4 * low + high]


def _sound(low_hz: int, high_hz: int) -> bytes:
    at_s = np.arange(SAMPLE_RATE_HZ * TONE_MS // 1000) / SAMPLE_RATE_HZ
    pair: npt.NDArray[np.float64] = np.sin(2 * np.pi * low_hz * at_s) + np.sin(
        2 * np.pi * high_hz * at_s
    )
    tone = mulaw.encode(np.rint(_AMPLITUDE * pair).astype("<i2").tobytes())
    return tone + SILENT_FRAME * (GAP_MS // FRAME_MS)


def _frames(sound: bytes) -> list[bytes]:
    return [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]


_SOUNDS: Final = tuple(_sound(low, high) for low in _LOW_HZ for high in _HIGH_HZ)
