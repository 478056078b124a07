"""The synthesisers on offer, by the name that a voice gives. Made when first asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from services.tts.provider import TextToSpeech


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the synthesisers need to know."""

    processes: int = 2  # sentences that espeak or flite speak at once
    tone_ms_per_character: int = 60
    tones_sentence_ms: int = 1_200  # at least
    elevenlabs_api_key: str = ""
    elevenlabs_base_url: str | None = None  # None: the vendor's own


def _espeak(options: Options) -> TextToSpeech:
    from services.tts.providers.espeak import Espeak

    return Espeak(processes=options.processes)


def _flite(options: Options) -> TextToSpeech:
    from services.tts.providers.flite import Flite

    return Flite(processes=options.processes)


def _embedded(options: Options) -> TextToSpeech:
    from services.tts.providers.embedded import Embedded

    return Embedded(processes=options.processes)


def _tone(options: Options) -> TextToSpeech:
    from services.tts.providers.tone import Tone

    return Tone(ms_per_character=options.tone_ms_per_character)


def _tones(options: Options) -> TextToSpeech:
    from services.tts.providers.tones import Tones

    return Tones(sentence_ms=options.tones_sentence_ms)


def _elevenlabs(options: Options) -> TextToSpeech:
    from services.tts.providers.elevenlabs import ElevenLabs

    return ElevenLabs(options.elevenlabs_api_key, options.elevenlabs_base_url)


OFFERED: Final[dict[str, Callable[[Options], TextToSpeech]]] = {
    "espeak": _espeak,
    "flite": _flite,
    "embedded": _embedded,
    "elevenlabs": _elevenlabs,
    "tone": _tone,
    "tones": _tones,
}


class Providers(Mapping[str, TextToSpeech]):
    """All that is offered; a vendor's SDK is imported only when a voice names the vendor."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._made: dict[str, TextToSpeech] = {}

    def __getitem__(self, name: str) -> TextToSpeech:
        if name not in self._made:
            self._made[name] = OFFERED[name](self._options)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(OFFERED)

    def __len__(self) -> int:
        return len(OFFERED)

    async def close(self) -> None:
        """Let go of what was made."""
        made, self._made = self._made, {}
        for provider in made.values():
            await provider.close()
