"""What is heard on telephone lines besides voices; 8 kHz, the same each time it is asked for."""

from collections.abc import Callable, Iterable

import numpy as np

from services.audio import frames, mulaw

Sound = np.ndarray
RATE_HZ = 8000
_SEED = 8


def line(*sounds: Sound) -> list[bytes]:
    """One behind the other, as frames of 20 ms."""
    pcm = np.clip(np.concatenate(sounds), -32768, 32767).astype("<i2").tobytes()
    return list(frames.split(mulaw.encode(pcm)))


def amplitudes(sound: Iterable[bytes]) -> Sound:
    """Of frames."""
    return np.frombuffer(mulaw.decode(b"".join(sound)), "<i2").astype(float)


def quiet(seconds: float, rms: float = 0.0) -> Sound:
    """Nobody speaks."""
    return np.random.default_rng(_SEED).normal(0, rms, round(seconds * RATE_HZ))


def at(rms: float, sound: Sound) -> Sound:
    """So loud where it sounds at all."""
    heard = sound[np.abs(sound) > np.abs(sound).max() / 20]
    return sound * (rms / np.sqrt(np.mean(heard**2)))


def _time_s(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def _tones(seconds: float, *hz: float) -> Sound:
    return sum(np.sin(2 * np.pi * each * _time_s(seconds)) for each in hz)


def _struck(seconds: float, a_second: float, lasts_s: float) -> Sound:
    """Blows at random moments, each a burst of noise that dies away."""
    random = np.random.default_rng(_SEED)
    sound, blow = np.zeros(round(seconds * RATE_HZ)), _time_s(0.3)
    for _ in range(round(seconds * a_second)):
        begin = random.integers(0, len(sound) - len(blow))
        sound[begin : begin + len(blow)] += random.normal(0, np.exp(-blow / lasts_s))
    return sound


def hiss(seconds: float) -> Sound:
    """White noise that comes and goes."""
    return quiet(seconds, 1) * (_time_s(seconds) % 2 < 0.6)


def rumble(seconds: float) -> Sound:
    """Pink noise that comes and goes, as a street's."""
    spectrum = np.fft.rfft(quiet(seconds, 1))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), len(_time_s(seconds)))
    return pink * (_time_s(seconds) % 2 < 0.6)


def typing(seconds: float) -> Sound:
    """Somebody writes fast."""
    return _struck(seconds, 12, 0.006)


def knocking(seconds: float) -> Sound:
    """At a door, or a receiver put down."""
    return _struck(seconds, 1.5, 0.06)


def ringing(seconds: float) -> Sound:
    """A second line rings."""
    return _tones(seconds, 440, 480) * (_time_s(seconds) % 3 < 1)


def engaged(seconds: float) -> Sound:
    """The tone of a line that is taken."""
    return _tones(seconds, 480, 620) * (_time_s(seconds) % 1 < 0.5)


def siren(seconds: float) -> Sound:
    """It passes by."""
    hz = 600 + 400 * np.sin(np.pi * _time_s(seconds))
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * (_time_s(seconds) % 4 < 2)


def music(seconds: float) -> Sound:
    """Plucked strings, a chord each half second."""
    random, notes = np.random.default_rng(_SEED), []
    for _ in range(round(seconds * 2)):
        hz = 220 * 2 ** (random.integers(0, 12) / 12)
        chord = _tones(0.5, hz, hz * 1.26, hz * 1.5, hz * 2)
        notes.append(chord * np.exp(-8 * _time_s(0.5)))
    return np.concatenate(notes)


NOISES: tuple[Callable[[float], Sound], ...] = (
    *(hiss, rumble, typing, knocking, ringing, engaged, siren, music),
)
