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


OFFERED: Final[Mapping[str, Offer[SpeechToText]]] = {
    "pocketsphinx": Offer(make=_pocketsphinx),
    "scripted": Offer(make=_scripted),
    "tones": Offer(make=_tones),
    "deepgram": Offer(
        make=_deepgram, needs=("deepgram_api_key",), package="deepgram", extra="deepgram"
    ),
}
