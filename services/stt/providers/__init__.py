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
}
