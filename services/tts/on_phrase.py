"""A phrase wanted outside any call -> its sound, by return and without a word in the log."""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from contracts.codec import Unreadable, decode_phrase
from contracts.dialog import Voice
from contracts.phrase import PhraseWanted
from contracts.streams import PHRASES
from infra.nats import Bus
from infra.requests import answering
from services.tts.cache import Phrases
from services.tts.provider import SynthesisError, TextToSpeech
from services.tts.voices import closable, in_time, voices_of

_log: Final = logging.getLogger("partyline.tts")
_QUEUE: Final = "tts"  # each request goes to one of the workers


class Reciter:
    """Says phrases for whoever asks."""

    def __init__(self, bus: Bus, providers: Mapping[str, TextToSpeech], phrases: Phrases) -> None:
        self._bus, self._providers, self._phrases = bus, providers, phrases

    async def answer(self, request: Msg) -> None:
        """With the sound; with nothing when no voice could say it."""
        try:
            sound = await self._say(decode_phrase(request.data))
            await self._bus.nc.publish(request.reply, sound)
        except (Unreadable, nats.errors.Error, OSError) as failed:
            _log.warning("a phrase was not said: %s", type(failed).__name__)

    async def _say(self, wanted: PhraseWanted) -> bytes:
        """Whole, by the first voice that can; empty: none could."""
        for voice in voices_of(wanted.voice):
            try:
                return await self._say_with(voice, wanted)
            except Exception as failed:  # whatever a provider raises, another may speak
                kind = failed.kind if isinstance(failed, SynthesisError) else type(failed).__name__
                _log.warning("a phrase: %s: %s", voice.provider, kind)
        return b""

    async def _say_with(self, voice: Voice, wanted: PhraseWanted) -> bytes:
        provider = self._providers.get(voice.provider)
        if provider is None:
            raise SynthesisError(voice.provider, "unknown_provider", retryable=False)
        phrase = self._phrases.phrase(provider, wanted.text, voice)
        timed = in_time(closable(phrase.listen()), voice.provider, wanted.voice)
        async with aclosing(timed) as pieces:
            return b"".join([piece async for piece in pieces if isinstance(piece, bytes)])


def answering_requests(
    bus: Bus, providers: Mapping[str, TextToSpeech], phrases: Phrases
) -> AbstractAsyncContextManager[None]:
    """Answer requests during the block."""
    return answering(bus, PHRASES, _QUEUE, Reciter(bus, providers, phrases).answer)
