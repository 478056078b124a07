"""Silero's voice activity model: tells a voice from other sounds that are as loud.

The model is the file in the wheel `silero-vad`, run by onnxruntime at the telephone's own 8 kHz.
The package itself is never imported: it would want torch.
https://github.com/snakers4/silero-vad, MIT
"""

import importlib.util
from collections import deque
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.audio.errors import AudioError
from services.audio.frames import SAMPLE_RATE_HZ
from services.audio.mulaw import AMPLITUDES

_Floats = npt.NDArray[np.float32]
_FILE: Final = "data/silero_vad.onnx"
_WINDOW: Final = 256  # samples, 32 ms: what the model takes at a time,
_CONTEXT: Final = 32  # with so many from before
_BEGINS: Final = 0.5  # the probability from which it is a voice, the authors' own,
_GOES_ON: Final = 0.35  # and the one below which it is none any more
_PAST_FRAMES: Final = 8  # 160 ms, five windows exactly: where it begins to listen
_SAMPLES: Final = (AMPLITUDES / np.float32(32768)).astype(np.float32)  # by mu-law code

_NO_STATE: Final[_Floats] = np.zeros((2, 1, 128), np.float32)
_NO_SOUND: Final[_Floats] = np.zeros(_CONTEXT, np.float32)


class NoSilero(AudioError):
    """Something of it is not installed; the message says what to do."""


class Silero:
    """The model, loaded once for all calls of a process. One call after the other uses it."""

    def __init__(self) -> None:
        """Raises NoSilero."""
        file = model_file()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        self._session: Final[Any] = onnxruntime.InferenceSession(
            file, options, providers=["CPUExecutionProvider"]
        )
        self._rate: Final = np.array(SAMPLE_RATE_HZ, np.int64)

    def listen(self) -> "Listener":
        """For one call."""
        return Listener(self)

    def probability(self, window: _Floats, state: _Floats) -> tuple[float, _Floats]:
        """That `window`, with its context, holds a voice, 0..1; and the state for the next."""
        told = {"input": window[None], "state": state, "sr": self._rate}
        probability, state = self._session.run(None, told)
        return float(probability[0, 0]), state


class Listener:
    """Listens in one call, from where it is asked to; until then it keeps what came last.

    Satisfies `vad.Voice`.
    """

    def __init__(self, model: Silero) -> None:
        self._model = model
        self._unheard: deque[bytes] = deque(maxlen=_PAST_FRAMES)
        self._state, self._sound = _NO_STATE, _NO_SOUND
        self._voiced = False

    def hear(self, mulaw: bytes, *, wanted: bool) -> bool:
        """See `vad.Voice.hear`."""
        self._unheard.append(mulaw)
        if not wanted:
            return False
        if len(self._unheard) == _PAST_FRAMES:  # what came before is forgotten
            self._begin_anew()
        self._sound = np.concatenate((self._sound, _samples(self._unheard)))
        self._unheard.clear()
        while len(self._sound) >= _CONTEXT + _WINDOW:
            self._hear_window()
        return self._voiced

    def _begin_anew(self) -> None:
        self._state, self._sound = _NO_STATE, _NO_SOUND
        self._voiced = False

    def _hear_window(self) -> None:
        window = self._sound[: _CONTEXT + _WINDOW]
        probability, self._state = self._model.probability(window, self._state)
        self._sound = self._sound[_WINDOW:]
        self._voiced = probability >= (_GOES_ON if self._voiced else _BEGINS)


def model_file() -> Path:
    """Where the model is. Raises NoSilero."""
    package = importlib.util.find_spec("silero_vad")  # finds it without importing it
    if package is None or package.origin is None:
        raise _not_installed("silero-vad")
    file = Path(package.origin).parent / _FILE
    if not file.is_file():
        raise NoSilero(f"silero-vad has no {_FILE}: install a version 6 of it, at least 6.2")
    if importlib.util.find_spec("onnxruntime") is None:
        raise _not_installed("onnxruntime")
    return file


def _not_installed(package: str) -> NoSilero:
    return NoSilero(
        f"{package} is not installed: pip install onnxruntime, then pip install --no-deps "
        "'silero-vad>=6.2,<7' (partyline[silero] installs both, and with pip torch besides)"
    )


def _samples(frames: "deque[bytes]") -> _Floats:
    return _SAMPLES.take(np.frombuffer(b"".join(frames), np.uint8))
