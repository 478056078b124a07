"""What loopback's vendors hear that are told when a turn is over: Scribe, Saaras, Groq, OpenAI.

Scribe gets the recordings' own frames. The others get them at another rate, and know a recording
by how its loudness goes up and down.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from vendors.by_hand.hearing import LOUD_RMS, VOICES, Ear, Place, said, written
from vendors.by_hand.latency import Latency, wait
from vendors.elevenlabs_scribe import ScribeLine
from vendors.sarvam import SaarasLine
from vendors.transcribing import Recording

from services.audio.frames import FRAME_MS, SAMPLE_RATE_HZ
from services.audio.mulaw import decode
from services.audio.wav import read_wav

_LIKE = 0.95  # of two courses of loudness, 0..1: the same recording
_RATE_HZ = 16_000
_Course = NDArray[np.float64]


class Acquaintance:
    """All recordings, by the course of their loudness."""

    def __init__(self) -> None:
        self._courses = {
            words: _speech(_course(decode(read_wav(VOICES / f"{name}.wav")), SAMPLE_RATE_HZ))
            for name, words in said().items()
        }

    def words(self, pcm: bytes) -> str:
        """The recording in a turn of 16 kHz; empty: none."""
        heard = _course(pcm, _RATE_HZ)
        like = {words: _likeness(course, heard) for words, course in self._courses.items()}
        best = max(like, key=lambda words: like[words])
        return written(best) if like[best] >= _LIKE else ""


def _course(pcm: bytes, rate_hz: int) -> _Course:
    """The loudness of each frame."""
    width = rate_hz * FRAME_MS // 1_000
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    frames = samples[: len(samples) // width * width].reshape(-1, width)
    return np.asarray(np.sqrt((frames**2).mean(axis=1)))


def _speech(course: _Course) -> _Course:
    loud = np.flatnonzero(course >= LOUD_RMS)
    return course[loud[0] : loud[-1] + 1]


def _likeness(course: _Course, heard: _Course) -> float:
    if len(heard) < len(course):
        return 0.0
    windows = sliding_window_view(heard, len(course))
    sizes = np.linalg.norm(windows, axis=1) * np.linalg.norm(course)
    return float((windows @ course / np.maximum(sizes, 1.0)).max())


def transcription(latency: Latency) -> Callable[[Recording], Awaitable[None]]:
    """The script of Groq's and OpenAI's transcription."""
    recordings = Acquaintance()

    async def script(recording: Recording) -> None:
        await wait(latency.words_ms)
        await recording.words(recordings.words(recording.pcm))

    return script


def saaras(latency: Latency) -> Callable[[SaarasLine], Awaitable[None]]:
    """The script of Sarvam's recognition: no pauses of its own, only flushes."""
    recordings = Acquaintance()

    async def script(line: SaarasLine) -> None:
        taken = 0
        while True:
            end = await _next(line, line.flushed_bytes, taken)
            words = recordings.words(bytes(line.audio[taken:end]))
            taken = end
            await wait(latency.words_ms)
            await line.words(words, "en-IN")

    return script


def scribe(known: dict[bytes, Place], latency: Latency) -> Callable[[ScribeLine], Awaitable[None]]:
    """The script of Scribe: each commit is answered by what was said since the last."""

    async def script(line: ScribeLine) -> None:
        ear, taken = Ear(known), 0
        while True:
            end = await _next(line, line.committed_bytes, taken)
            ear.take(bytes(line.audio[taken:end]))
            taken = end
            await wait(latency.words_ms)
            await line.partial(ear.words)
            await line.committed(ear.words)
            ear.forget()

    return script


async def _next(line: ScribeLine | SaarasLine, ends: list[int], taken: int) -> int:
    """Where the next turn ends that the client has ended."""
    while not (ends and ends[-1] > taken):
        with suppress(TimeoutError):  # a caller may be silent for longer than a test may last
            await line.until(lambda: bool(ends) and ends[-1] > taken)
    return next(end for end in ends if end > taken)
