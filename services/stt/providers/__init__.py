"""Recognisers by name; each is imported when it is first wanted."""

from collections.abc import Callable, Mapping
from typing import Final

from services.stt.provider import SpeechToText

Keys = Mapping[str, str]  # keys and addresses of providers, by the names of their settings


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


OFFERED: Final[Mapping[str, Callable[[Keys], SpeechToText]]] = {
    "pocketsphinx": _pocketsphinx,
    "scripted": _scripted,
    "tones": _tones,
    "deepgram": _deepgram,
}
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {"deepgram": ("deepgram_api_key",)}
