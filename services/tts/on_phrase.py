"""A phrase wanted outside any call -> its sound, by return and without a word in the log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from contracts.codec import Unreadable, decode_phrase
from contracts.dialog import Voice
from contracts.phrase import PhraseWanted
from contracts.streams import PHRASES
from infra.cancelling import end_tasks
from infra.nats import Bus
from services.tts.cache import Phrases
from services.tts.provider import SynthesisError, TextToSpeech
from services.tts.voices import closable, in_time, voices_of

_log: Final = logging.getLogger("partyline.tts")
_QUEUE: Final = "tts"  # each request goes to one of the workers


class Reciter:
    """Says phrases for whoever asks, side by side."""

    def __init__(self, bus: Bus, providers: Mapping[str, TextToSpeech], phrases: Phrases) -> None:
        self._bus, self._providers, self._phrases = bus, providers, phrases
        self._tasks: set[asyncio.Task[None]] = set()

    async def on_request(self, request: Msg) -> None:
        """Take a request."""
        task = asyncio.create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Let go of what is under way; who asked asks again."""
        await end_tasks(self._tasks)

    async def _answer(self, request: Msg) -> None:
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
            except SynthesisError as failed:
                _log.warning("a phrase: %s: %s", voice.provider, failed.kind)
        return b""

    async def _say_with(self, voice: Voice, wanted: PhraseWanted) -> bytes:
        provider = self._providers.get(voice.provider)
        if provider is None:
            raise SynthesisError(voice.provider, "unknown_provider", retryable=False)
        phrase = self._phrases.phrase(provider, wanted.text, voice)
        timed = in_time(closable(phrase.listen()), voice.provider, wanted.voice)
        async with aclosing(timed) as pieces:
            return b"".join([piece async for piece in pieces if isinstance(piece, bytes)])


@asynccontextmanager
async def answering_requests(
    bus: Bus, providers: Mapping[str, TextToSpeech], phrases: Phrases
) -> AsyncIterator[None]:
    """Answer requests during the block."""
    reciter = Reciter(bus, providers, phrases)
    subscription = await bus.nc.subscribe(PHRASES, queue=_QUEUE, cb=reciter.on_request)
    try:
        yield
    finally:
        if not bus.nc.is_closed:
            await subscription.unsubscribe()
        await reciter.finish()
