"""Recognisers by name; each is imported when it is first wanted."""

from collections.abc import Mapping
from typing import Final

from infra.outside import Keys, Offer
from services.stt.provider import SpeechToText


def _pocketsphinx(keys: Keys) -> SpeechToText:
    from services.stt.providers.pocketsphinx import PocketSphinx

    return PocketSphinx()


def _scripted(keys: Keys) -> SpeechToText:
    from services.stt.providers.scripted import Scripted

    return Scripted()


def _tones(keys: Keys) -> SpeechToText:
    from services.stt.providers.tones import Tones

    return Tones()


def _deepgram(keys: Keys) -> SpeechToText:
    from services.stt.providers.deepgram import Deepgram

    return Deepgram(keys["deepgram_api_key"], keys.get("deepgram_url"))


def _deepgram_flux(keys: Keys) -> SpeechToText:
    from services.stt.providers.deepgram_flux import DeepgramFlux

    return DeepgramFlux(keys["deepgram_api_key"], keys.get("deepgram_url"))


def _cartesia(keys: Keys) -> SpeechToText:
    from services.stt.providers.cartesia import Cartesia

    return Cartesia(keys["cartesia_api_key"], keys.get("cartesia_url"))


def _groq_whisper(keys: Keys) -> SpeechToText:
    from services.stt.providers.groq_whisper import GroqWhisper

    return GroqWhisper(keys["groq_api_key"], keys.get("groq_url"))


def _openai(keys: Keys) -> SpeechToText:
    from services.stt.providers.openai import OpenAITranscription

    return OpenAITranscription(keys["openai_api_key"], keys.get("openai_url"))


def _whisper(keys: Keys) -> SpeechToText:
    from services.stt.providers.whisper import Whisper

    return Whisper(keys["whisper_model"])


def _elevenlabs(keys: Keys) -> SpeechToText:
    from services.stt.providers.elevenlabs import Scribe

    return Scribe(keys["elevenlabs_api_key"], keys.get("elevenlabs_url"))


def _sarvam(keys: Keys) -> SpeechToText:
    from services.stt.providers.sarvam import Sarvam

    return Sarvam(keys["sarvam_api_key"], keys.get("sarvam_url"))


OFFERED: Final[Mapping[str, Offer[SpeechToText]]] = {
    "pocketsphinx": Offer(make=_pocketsphinx),
    "scripted": Offer(make=_scripted),
    "tones": Offer(make=_tones),
    "deepgram": Offer(
        make=_deepgram, needs=("deepgram_api_key",), package="deepgram", extra="deepgram"
    ),
    "deepgram-flux": Offer(
        make=_deepgram_flux, needs=("deepgram_api_key",), package="deepgram", extra="deepgram"
    ),
    "cartesia": Offer(
        make=_cartesia, needs=("cartesia_api_key",), package="cartesia", extra="cartesia"
    ),
    "groq-whisper": Offer(
        make=_groq_whisper, needs=("groq_api_key",), package="groq", extra="groq"
    ),
    "openai": Offer(make=_openai, needs=("openai_api_key",), package="openai", extra="openai"),
    "whisper": Offer(
        make=_whisper, needs=("whisper_model",), package="faster_whisper", extra="whisper"
    ),
    "elevenlabs": Offer(
        make=_elevenlabs, needs=("elevenlabs_api_key",), package="elevenlabs", extra="elevenlabs"
    ),
    "sarvam": Offer(make=_sarvam, needs=("sarvam_api_key",), package="sarvamai", extra="sarvam"),
}
