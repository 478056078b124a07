"""sentences -> audio: one worker of any number."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import nats.errors

from contracts.codec import Codec
from contracts.dialog import Voice
from contracts.ids import HostId
from contracts.journal import Journal
from infra.again import tell_again
from infra.beside import beside
from infra.chain import Breakers
from infra.nats import Bus
from infra.workers import on_decisions, worker_broker, working
from services.tts.cache import LIMIT_BYTES, Phrases
from services.tts.counts import Counts
from services.tts.lines import Lines
from services.tts.on_phrase import answering_requests
from services.tts.on_sentence import Speaker, wanted
from services.tts.provider import SynthesisError, TextToSpeech
from services.tts.rest import Paces
from services.tts.speech import Tools

DURABLE: Final = "tts"
_log: Final = logging.getLogger("partyline.tts")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works."""

    stale_s: float = 30.0  # older sentences are dropped
    # A sentence of which its worker said nothing for so long goes to another: the gap that a caller
    # hears when one dies. One that is only held up has its sentences synthesised, and paid, twice.
    redeliver_s: float = 1.0
    tries: int = 2  # of a sentence of which nothing has been heard yet, with its last voice
    grace_s: float = 5.0  # for sentences in work when the worker stops
    cache_bytes: int = LIMIT_BYTES  # of fixed phrases in memory
    cache_folder: Path | None = None  # where fixed phrases outlive the worker
    warm: tuple[str, ...] = ()  # providers made to speak, unheard, at the start


DEFAULTS: Final = Settings()


@asynccontextmanager
async def serve(
    bus: Bus,
    nats_url: str,
    providers: Mapping[str, TextToSpeech],
    journal: Journal,
    *,
    host: HostId,
    codec: Codec | None = None,
    settings: Settings = DEFAULTS,
) -> AsyncIterator[Counts]:
    """Work until the block is left.

    Args:   nats_url: where `bus` is connected to; FastStream makes a connection of its own.
            providers: by the name a voice gives; they stay the caller's to close.
    """
    counts, codec = Counts(), codec or Codec()
    phrases = Phrases(settings.cache_bytes, settings.cache_folder)
    lines = Lines(bus, journal, counts)
    tools = Tools(
        bus=bus,
        journal=journal,
        codec=codec,
        host=host,
        providers=providers,
        phrases=phrases,
        lines=lines,
        counts=counts,
        stale_s=settings.stale_s,
        tries=settings.tries,
        breakers=Breakers(),
        paces=Paces(),
    )
    speaker = Speaker(tools)
    again = await tell_again(bus)
    async with (
        beside(_warm(providers, settings.warm)),
        beside(_keep_alive(speaker, settings.redeliver_s)),
        answering_requests(bus, providers, phrases),
    ):
        try:
            async with _consuming(nats_url, host, speaker, settings):
                yield counts
        finally:
            if not bus.nc.is_closed:
                await again.unsubscribe()
            await phrases.close()
            await lines.close()


@asynccontextmanager
async def _consuming(
    nats_url: str, host: HostId, speaker: Speaker, settings: Settings
) -> AsyncIterator[None]:
    """Sentences come in during the block; what is in work at its end is finished or handed over."""
    async with working(worker_broker(nats_url, host)) as broker:
        dialogs = on_decisions(
            broker,
            DURABLE,
            speaker.on_dialog,
            wanted,
            stale_s=settings.stale_s,
            redeliver_s=settings.redeliver_s,
        )
        await dialogs.start()
        try:
            yield
        finally:
            speaker.take_no_more()
            await dialogs.stop()
            await speaker.finish(settings.grace_s)


async def _keep_alive(speaker: Speaker, redeliver_s: float) -> None:
    while True:
        await asyncio.sleep(redeliver_s / 3)
        try:
            await speaker.keep_alive()
        except nats.errors.Error as failed:  # the connection is away and comes back
            _log.warning("progress not reported: %s", type(failed).__name__)


async def _warm(providers: Mapping[str, TextToSpeech], names: tuple[str, ...]) -> None:
    """Start what else the first callers would wait for; two at once start two processes."""
    await asyncio.gather(*(_speak_unheard(providers[name], name) for name in (*names, *names)))


async def _speak_unheard(provider: TextToSpeech, name: str) -> None:
    try:
        async for _ in provider.speak("one", Voice(provider=name)):
            pass
    except SynthesisError as failed:
        _log.warning("%s does not speak: %s", name, failed.kind)
