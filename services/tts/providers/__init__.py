"""Synthesisers by the name that a voice gives; each is imported when it is first wanted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.outside import Keys, Offer
from services.tts.provider import TextToSpeech


def _espeak(keys: Keys) -> TextToSpeech:
    from services.tts.providers.espeak import Espeak

    return Espeak()


def _flite(keys: Keys) -> TextToSpeech:
    from services.tts.providers.flite import Flite

    return Flite()


def _embedded(keys: Keys) -> TextToSpeech:
    from services.tts.providers.embedded import Embedded

    return Embedded()


def _tone(keys: Keys) -> TextToSpeech:
    from services.tts.providers.tone import Tone

    return Tone()


def _tones(keys: Keys) -> TextToSpeech:
    from services.tts.providers.tones import Tones

    return Tones()


def _elevenlabs(keys: Keys) -> TextToSpeech:
    from services.tts.providers.elevenlabs import ElevenLabs

    return ElevenLabs(keys["elevenlabs_api_key"], keys.get("elevenlabs_url"))


def _elevenlabs_http(keys: Keys) -> TextToSpeech:
    from services.tts.providers.elevenlabs_http import ElevenLabsHttp

    return ElevenLabsHttp(keys["elevenlabs_api_key"], keys.get("elevenlabs_url"))


def _deepgram(keys: Keys) -> TextToSpeech:
    from services.tts.providers.deepgram import DeepgramVoice

    return DeepgramVoice(keys["deepgram_api_key"], keys.get("deepgram_url"))


def _cartesia(keys: Keys) -> TextToSpeech:
    from services.tts.providers.cartesia import Cartesia

    return Cartesia(keys["cartesia_api_key"], keys.get("cartesia_url"))


def _groq(keys: Keys) -> TextToSpeech:
    from services.tts.providers.groq import Groq

    return Groq(keys["groq_api_key"], keys.get("groq_url"))


def _openai(keys: Keys) -> TextToSpeech:
    from services.tts.providers.openai import OpenAI

    return OpenAI(keys["openai_api_key"], keys.get("openai_url"))


def _coqui(keys: Keys) -> TextToSpeech:
    from services.tts.providers.coqui import Coqui

    return Coqui(keys["coqui_url"])


def _piper(keys: Keys) -> TextToSpeech:
    from services.tts.providers.piper import Piper

    return Piper(Path(keys["piper_voices"]))


def _sarvam(keys: Keys) -> TextToSpeech:
    from services.tts.providers.sarvam import Sarvam

    return Sarvam(keys["sarvam_api_key"], keys.get("sarvam_url"))


OFFERED: Final[Mapping[str, Offer[TextToSpeech]]] = {
    "espeak": Offer(make=_espeak),
    "flite": Offer(make=_flite),
    "embedded": Offer(make=_embedded),
    "tone": Offer(make=_tone),
    "tones": Offer(make=_tones),
    "elevenlabs": Offer(
        make=_elevenlabs, needs=("elevenlabs_api_key",), package="websockets", extra="elevenlabs"
    ),
    "elevenlabs_http": Offer(
        make=_elevenlabs_http,
        needs=("elevenlabs_api_key",),
        package="elevenlabs",
        extra="elevenlabs",
    ),
    "deepgram": Offer(
        make=_deepgram, needs=("deepgram_api_key",), package="deepgram", extra="deepgram"
    ),
    "cartesia": Offer(
        make=_cartesia, needs=("cartesia_api_key",), package="cartesia", extra="cartesia"
    ),
    "groq": Offer(make=_groq, needs=("groq_api_key",), package="groq", extra="groq"),
    "openai": Offer(make=_openai, needs=("openai_api_key",), package="openai", extra="openai"),
    "sarvam": Offer(make=_sarvam, needs=("sarvam_api_key",)),
    "piper": Offer(make=_piper, needs=("piper_voices",), package="piper", extra="piper"),
    "coqui": Offer(make=_coqui, needs=("coqui_url",)),
}
