"""Speech from Piper's voices on this machine: natural, in many languages, for much computing.

voices    https://huggingface.co/rhasspy/piper-voices
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

from contracts.dialog import Voice
from services.tts.provider import Capabilities, SynthesisError
from services.tts.providers.child import PROCESSES, Processes

NAME: Final = "piper"
_GAIN: Final = 0.5  # Piper makes each sentence as loud as can be: it is then at -6 dBFS
_PROGRAM: Final = ("-I", str(Path(__file__).with_name("piper_process.py")))


class Piper:
    """The voices of a folder, each in processes of its own that start when it is first wanted.

    `voice.name` is a file's name without `.onnx`; of one with several speakers `NAME:SPEAKER`.
    Where none is given, the first of the folder speaks. A sentence is computed whole before any of
    it is heard.
    """

    name = NAME
    capabilities = Capabilities(streaming=False, formats=("pcm/16000", "pcm/22050"))

    def __init__(self, folder: Path, *, processes: int = PROCESSES) -> None:
        """`processes`: how many sentences a voice speaks at once."""
        self._files = {file.stem: file for file in sorted(folder.glob("*.onnx"))}
        self._voices: dict[str, Processes] = {}
        self._processes = processes

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        name, _, speaker = voice.name.partition(":")
        if name == Voice().name:
            name = next(iter(self._files), "")
        spoken = self._voice(name).speak(text, speaker, voice.speed_wpm)
        async with aclosing(spoken) as sound:
            async for mulaw in sound:
                yield mulaw

    async def close(self) -> None:
        """End the processes."""
        voices, self._voices = self._voices, {}
        for voice in voices.values():
            await voice.close()

    def _voice(self, name: str) -> Processes:
        if name not in self._files:
            raise SynthesisError(NAME, "unknown_voice", retryable=False)
        if name not in self._voices:
            self._voices[name] = Processes(
                NAME,
                (str(self._files[name]),),
                gain=_GAIN,
                processes=self._processes,
                program=_PROGRAM,
            )
        return self._voices[name]
