"""A program of its own around a C speech library: text on stdin, sound on stdout.

    python -I -S speech_process.py espeak LIBRARY DATA_FOLDER
    python -I -S speech_process.py flite

The libraries keep global state and speak one text at a time, and espeak-ng is under the GPL: so
they live in a process of their own that shares nothing with the rest but two pipes. Standard
library only, and no import of the project.

    stdin   kind u8, number u32, speed u16, voice bytes u16, text bytes u32, voice, text (UTF-8)
            kind 1: speak it; 2: give up what `number` names
    stdout  kind u8, number u32, bytes u32, payload
            kind 0: ready, the number is the sampling rate in Hz; 1: 16-bit mono PCM of this
            machine's byte order; 2: the text is done or given up; 3: it failed, the payload is why

Ends when stdin ends, so it never outlives its parent.
"""

import ctypes
import os
import queue
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

REQUEST = struct.Struct("!BIHHI")
ANSWER = struct.Struct("!BII")
SPEAK, GIVE_UP = 1, 2
READY, AUDIO, DONE, FAILED = 0, 1, 2, 3
PIECE_MS = 200  # what a message holds after the first, which goes out at once

Take = Callable[[bytes], bool]  # takes PCM; False: stop speaking


class Refused(Exception):
    """The library will not speak this; the text is a kind, never the caller's words."""


class Request(NamedTuple):
    number: int
    speed_wpm: int
    voice: str
    text: bytes


class Engine(Protocol):
    """A speech library."""

    rate_hz: int

    def speak(self, request: Request, take: Take) -> None:
        """Give the sound to `take` as it comes. Raises Refused."""
        ...


class Espeak:
    """espeak-ng: https://github.com/espeak-ng/espeak-ng/blob/1.52.0/src/include/espeak-ng/speak_lib.h"""

    _SYNCHRONOUS, _BUFFER_MS, _UTF8, _RATE = 2, 20, 1, 1

    def __init__(self, library: str, data: str) -> None:
        self._lib = ctypes.CDLL(library)
        self.rate_hz = self._lib.espeak_Initialize(
            self._SYNCHRONOUS, self._BUFFER_MS, data.encode(), 0
        )
        if self.rate_hz <= 0:
            raise OSError("espeak-ng did not start")
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._on_samples)  # kept: C holds no reference
        self._lib.espeak_SetSynthCallback(self._callback)
        self._take: Take = lambda pcm: True
        self._voice = ""

    def speak(self, request: Request, take: Take) -> None:
        self._set_voice(request.voice)
        self._lib.espeak_SetParameter(self._RATE, request.speed_wpm, 0)
        self._take = take
        size = len(request.text) + 1
        if self._lib.espeak_Synth(request.text, size, 0, 0, 0, self._UTF8, None, None) != 0:
            raise Refused("refused")

    def _set_voice(self, name: str) -> None:
        if name == self._voice:
            return
        if self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            self._voice = ""
            raise Refused("unknown_voice")
        self._voice = name

    def _on_samples(self, samples: int | None, count: int, _events: int | None) -> int:
        if not samples or count <= 0:
            return 0
        return 0 if self._take(ctypes.string_at(samples, 2 * count)) else 1


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("rate_hz", ctypes.c_int),
        ("count", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


_OnWave = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_Wave), ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
)


class _Streaming(ctypes.Structure):
    _fields_ = (
        ("least_samples", ctypes.c_int),
        ("on_wave", _OnWave),
        ("user", ctypes.c_void_p),
        ("utterance", ctypes.c_void_p),
        ("item", ctypes.c_void_p),
    )


class _Voice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


class Flite:
    """Flite 2: https://github.com/festvox/flite/blob/v2.2/include/flite.h and cst_audio.h."""

    rate_hz = 16_000
    _GO_ON, _STOP = 0, -1
    _USUAL_WPM = 170.0  # what a stretch of 1.0 sounds like

    def __init__(self) -> None:
        self._lib = self._prepared()
        self._callback = _OnWave(self._on_wave)  # kept: C holds no reference
        self._take: Take = lambda pcm: True
        self._voices: dict[str, int] = {}

    def speak(self, request: Request, take: Take) -> None:
        features = self._features(request.voice)
        stretch = ctypes.c_float(self._USUAL_WPM / max(request.speed_wpm, 1))
        self._lib.feat_set_float(features, b"duration_stretch", stretch)
        self._take = take
        wave = self._lib.flite_text_to_wave(request.text, self._voices[request.voice])
        if not wave:
            raise Refused("refused")
        self._lib.delete_wave(wave)

    def _features(self, name: str) -> int:
        if name not in self._voices:
            self._voices[name] = self._registered(name)
        voice = ctypes.cast(self._voices[name], ctypes.POINTER(_Voice)).contents
        features: int = voice.features
        return features

    def _registered(self, name: str) -> int:
        try:
            library = ctypes.CDLL(f"libflite_cmu_us_{name}.so.1")
        except OSError:
            raise Refused("unknown_voice") from None
        register = getattr(library, f"register_cmu_us_{name}")
        register.restype = ctypes.c_void_p
        voice: int = register(None)
        streaming = self._lib.new_audio_streaming_info()
        streaming.contents.on_wave = self._callback
        streaming.contents.least_samples = self.rate_hz * 20 // 1000
        value = self._lib.audio_streaming_info_val(streaming)
        features = ctypes.cast(voice, ctypes.POINTER(_Voice)).contents.features
        self._lib.feat_set(features, b"streaming_info", value)
        return voice

    def _on_wave(self, wave: Any, start: int, count: int, _last: int, _user: int | None) -> int:
        if count <= 0:
            return self._GO_ON
        samples = ctypes.addressof(wave.contents.samples.contents) + 2 * start
        return self._GO_ON if self._take(ctypes.string_at(samples, 2 * count)) else self._STOP

    @staticmethod
    def _prepared() -> Any:
        """The library with its signatures; its parts find each other by global names."""
        lib, _, _ = (
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
            for name in ("libflite.so.1", "libflite_cmulex.so.1", "libflite_usenglish.so.1")
        )
        pointer = ctypes.c_void_p
        lib.feat_set.argtypes = (pointer, ctypes.c_char_p, pointer)
        lib.feat_set_float.argtypes = (pointer, ctypes.c_char_p, ctypes.c_float)
        lib.new_audio_streaming_info.restype = ctypes.POINTER(_Streaming)
        lib.audio_streaming_info_val.argtypes = (ctypes.POINTER(_Streaming),)
        lib.audio_streaming_info_val.restype = pointer
        lib.flite_text_to_wave.argtypes = (ctypes.c_char_p, pointer)
        lib.flite_text_to_wave.restype = pointer
        lib.delete_wave.argtypes = (pointer,)
        lib.flite_init()
        return lib


class Mouth:
    """Speaks the requests in their order."""

    def __init__(self, engine: Engine, answers: int) -> None:
        self._engine, self._answers = engine, answers
        self._piece_bytes = 2 * engine.rate_hz * PIECE_MS // 1000
        self._given_up = 0  # number of the newest request nobody wants any more

    def serve(self, questions: int) -> None:
        """Never returns: the end of `questions` ends the process."""
        wanted: queue.SimpleQueue[Request] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(questions, wanted), daemon=True).start()
        self._answer(READY, self._engine.rate_hz)
        while True:
            self._speak(wanted.get())

    def _listen(self, questions: int, wanted: "queue.SimpleQueue[Request]") -> None:
        with os.fdopen(questions, "rb") as stdin:
            while len(header := stdin.read(REQUEST.size)) == REQUEST.size:
                kind, number, speed_wpm, voice_bytes, text_bytes = REQUEST.unpack(header)
                voice, text = stdin.read(voice_bytes), stdin.read(text_bytes)
                if kind == GIVE_UP:
                    self._given_up = number
                else:
                    wanted.put(Request(number, speed_wpm, voice.decode(), text))
        os._exit(0)

    def _speak(self, request: Request) -> None:
        held, first = bytearray(), True

        def take(pcm: bytes) -> bool:
            nonlocal first
            if self._given_up >= request.number:
                return False
            held.extend(pcm)
            if first or len(held) >= self._piece_bytes:
                self._answer(AUDIO, request.number, bytes(held))
                held.clear()
                first = False
            return True

        try:
            if self._given_up < request.number:
                self._engine.speak(request, take)
        except Refused as refused:
            self._answer(FAILED, request.number, str(refused).encode())
        else:
            if held:
                self._answer(AUDIO, request.number, bytes(held))
            self._answer(DONE, request.number)

    def _answer(self, kind: int, number: int, payload: bytes = b"") -> None:
        left = memoryview(ANSWER.pack(kind, number, len(payload)) + payload)
        while left:
            left = left[os.write(self._answers, left) :]


def serve(make: Callable[[], Engine]) -> None:
    """Speak until stdin ends."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    Mouth(make(), answers).serve(os.dup(0))


def chosen() -> Engine:
    """The library that the command line names."""
    _, engine, *arguments = sys.argv
    return Espeak(*arguments) if engine == "espeak" else Flite()


if __name__ == "__main__":
    serve(chosen)
