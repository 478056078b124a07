"""faster-whisper in a process of its own: utterances in on stdin, words out on stdout.

    python -m services.stt.providers.whisper_worker FOLDER [THREADS]

One utterance at a time, with all threads: that gives each its words soonest. Ends when its parent
does: stdin is closed then.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, Final

import numpy as np

from services.audio.frames import SAMPLE_RATE_HZ
from services.audio.mulaw import decode
from services.audio.resample import resample
from services.stt.providers.pipes import pack
from services.stt.providers.whisper_doubt import Segment
from services.stt.providers.whisper_wire import (
    Answered,
    Forget,
    Ready,
    Refused,
    Transcribe,
    Understood,
    Unusable,
    asked,
)

_RATE_HZ: Final = 16_000
_NICENESS: Final = 5  # of two processes that want a core, the one that serves live calls goes first
_SETTINGS: Final[dict[str, Any]] = {
    "beam_size": 1,  # five take about twice as long
    "temperature": 0.0,  # no second try: the caller waits
    "condition_on_previous_text": False,  # what was made up once would be repeated
    "without_timestamps": True,
}


class Requests:
    """What is to be transcribed, oldest first, without what was taken back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: SimpleQueue[Transcribe | None] = SimpleQueue()
        self._forgotten: set[int] = set()
        self.reading: Final = Thread(target=self._read, daemon=True)
        self.reading.start()

    def __iter__(self) -> Iterator[Transcribe]:
        while (request := self._waiting.get()) is not None:
            if request.number not in self._forgotten:
                yield request
            self._forgotten.discard(request.number)

    def _read(self) -> None:
        for message in asked(self._stream):
            match message:
                case Transcribe():
                    self._waiting.put(message)
                case Forget(number=number):
                    self._forgotten.add(number)
        self._waiting.put(None)


def _load(folder: Path, threads: int) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(folder), compute_type="auto", cpu_threads=threads, local_files_only=True
    )


def _transcribe(model: Any, request: Transcribe) -> Answered:
    pcm = resample(decode(request.mulaw), SAMPLE_RATE_HZ, _RATE_HZ)
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    try:
        segments, _ = model.transcribe(
            sound, language=request.language, **_SETTINGS | request.options
        )
        return Understood(request.number, tuple(_segment(segment) for segment in segments))
    except (TypeError, ValueError) as failure:  # an option it does not know, or of another kind
        return Refused(request.number, type(failure).__name__)


def _segment(segment: Any) -> Segment:
    return Segment(
        text=segment.text,
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
    )


def main() -> None:
    """Work until the parent closes stdin. Ctrl-C in a terminal is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)

    def say(message: Answered) -> None:
        sys.stdout.buffer.write(pack(message))
        sys.stdout.buffer.flush()

    folder, threads = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    try:
        model = _load(folder, threads)
    except ImportError:
        say(Unusable("faster-whisper is not installed"))
    except (RuntimeError, ValueError, OSError) as failure:
        say(Unusable(f"its model can't be loaded: {type(failure).__name__}"))
    else:
        say(Ready(tuple(model.supported_languages)))
        for request in Requests(sys.stdin.buffer):
            say(_transcribe(model, request))


if __name__ == "__main__":
    main()
