"""Speech from espeak-ng: at once, in many languages, and like a robot."""

from collections.abc import AsyncGenerator
from typing import Final

import espeakng_loader

from contracts.dialog import Voice
from services.tts.provider import Capabilities
from services.tts.providers.child import PROCESSES, Processes

NAME: Final = "espeak"
_GAIN: Final = 0.7  # the loudest of a sentence is then about -6 dBFS


class Espeak:
    """espeak-ng in processes of its own. `voice.name` is a name of its voices: en-us, de, fr..."""

    name = NAME
    capabilities = Capabilities(streaming=True)

    def __init__(self, *, processes: int = PROCESSES) -> None:
        """`processes`: how many sentences are spoken at once; each takes about 10 MiB."""
        library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
        arguments = ("espeak", library, data)
        self._processes = Processes(NAME, arguments, gain=_GAIN, processes=processes)

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        return self._processes.speak(text, voice.name, voice.speed_wpm)

    async def close(self) -> None:
        """End the processes."""
        await self._processes.close()
