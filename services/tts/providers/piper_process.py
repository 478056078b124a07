"""A program of its own around one Piper voice: text on stdin, sound on stdout.

    python -I piper_process.py VOICE.onnx

Speaks as `speech_process` does, which it takes from beside it. Piper and the espeak-ng inside it
are under the GPL, and a voice computes for long: so it lives in a process of its own.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from piper import PiperVoice, SynthesisConfig

if TYPE_CHECKING:
    from services.tts.providers import speech_process as wire
else:

    def _beside(name: str) -> ModuleType:
        """Not from the path: the folder's other files have the names of the vendors' packages."""
        spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    wire = _beside("speech_process")

_USUAL_WPM: Final = 165.0  # what a length scale of the voice's own sounds like
_STEP_MS: Final = 20


class Piper:
    """One voice, with one speaker or several."""

    def __init__(self, model: str) -> None:
        """`model`: the path of NAME.onnx, beside which is NAME.onnx.json."""
        self._voice = PiperVoice.load(model)
        self.rate_hz: int = self._voice.config.sample_rate
        self._step_bytes = self.rate_hz * _STEP_MS // 1000 * 2

    def speak(self, request: wire.Request, take: wire.Take) -> None:
        """See speech_process.Engine.speak. `request.voice` is a speaker; empty: the first."""
        own = self._voice.config.length_scale
        settings = SynthesisConfig(
            speaker_id=self._speaker(request.voice),
            length_scale=own * _USUAL_WPM / max(request.speed_wpm, 1),
        )
        for sentence in self._voice.synthesize(request.text.decode(), settings):
            pcm = sentence.audio_int16_bytes
            for at in range(0, len(pcm), self._step_bytes):
                if not take(pcm[at : at + self._step_bytes]):
                    return

    def _speaker(self, name: str) -> int | None:
        speakers = self._voice.config.speaker_id_map
        if name and name not in speakers:
            raise wire.Refused("unknown_voice")
        return speakers[name] if name else None


if __name__ == "__main__":
    wire.serve(lambda: Piper(sys.argv[1]))
