"""The voice that needs nothing: Flite where it is installed, else espeak-ng."""

from collections.abc import AsyncGenerator
from typing import Final

import msgspec

from contracts.dialog import Voice
from services.tts.providers import flite
from services.tts.providers.child import PROCESSES
from services.tts.providers.espeak import Espeak

NAME: Final = "embedded"


class Embedded:
    """The better of the two voices this machine has; names of the other one's voices are taken."""

    name = NAME

    def __init__(self, *, processes: int = PROCESSES) -> None:
        best = flite.Flite if flite.installed() else Espeak
        self._engine = best(processes=processes)
        self.capabilities = self._engine.capabilities

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        return self._engine.speak(text, self._known(voice))

    async def close(self) -> None:
        """End the processes."""
        await self._engine.close()

    def _known(self, voice: Voice) -> Voice:
        if isinstance(self._engine, Espeak) and voice.name in flite.VOICES:
            return msgspec.structs.replace(voice, name=Voice().name)
        return voice
