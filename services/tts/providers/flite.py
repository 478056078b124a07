"""Speech from Flite, where it is installed: English only, and the better voice."""

import ctypes
import shutil
from collections.abc import AsyncGenerator
from typing import Final

from contracts.dialog import Voice
from services.tts.provider import Capabilities
from services.tts.providers.child import PROCESSES, Processes

NAME: Final = "flite"
VOICES: Final = ("slt", "rms", "awb", "kal16")  # those of 16 kHz; the first is the best
_GAIN: Final = 0.75  # the loudest of a sentence is then about -6 dBFS


class Flite:
    """Flite's library in processes of its own. A `voice.name` it does not have becomes slt."""

    name = NAME
    capabilities = Capabilities(streaming=True)

    def __init__(self, *, processes: int = PROCESSES) -> None:
        """`processes`: how many sentences are spoken at once; each takes about 30 MiB."""
        self._processes = Processes(NAME, ("flite",), gain=_GAIN, processes=processes)

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        name = voice.name.removeprefix("flite:")
        chosen = name if name in VOICES else VOICES[0]
        return self._processes.speak(text, chosen, voice.speed_wpm)

    async def close(self) -> None:
        """End the processes."""
        await self._processes.close()


def installed() -> bool:
    """Whether this machine has the program and the shared library of its best voice."""
    if shutil.which("flite") is None:
        return False
    try:
        ctypes.CDLL(f"libflite_cmu_us_{VOICES[0]}.so.1")
    except OSError:
        return False
    return True
