"""knowledge and questions -> passages: one worker of any number."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import msgspec
import nats.errors
from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker
from nats.js import api

from contracts.codec import Codec
from contracts.ids import HostId
from contracts.journal import Journal
from contracts.streams import KNOWLEDGE
from infra.beside import beside
from infra.nats import Bus
from infra.workers import as_it_is, on_decisions, worker_broker, working
from services.rag.counts import Counts
from services.rag.embedder import Embedder
from services.rag.find import Finder
from services.rag.meaning import Meaning
from services.rag.on_document import Reader
from services.rag.on_question import Answerer, wanted
from services.rag.on_request import answering_requests
from services.rag.provider import Embedding
from services.rag.store import Store

DURABLE: Final = "rag"
_log: Final = logging.getLogger("partyline.rag")
_HEARTBEAT_S: Final = 1.0  # after three a lost consumer of documents is made anew


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works."""

    language: str = "en"  # ISO 639-1, of the documents and the callers
    stale_s: float = 30.0  # older questions are left alone
    # A question of which its worker said nothing for so long goes to another. The dialog waits
    # 1.5 s for passages: two workers may die over a question, and the third is still in time. A
    # worker that is only held up for so long has its questions searched twice, for one answer.
    redeliver_s: float = 0.5
    grace_s: float = 5.0  # for questions in work when the worker stops
    at_once: int = 64  # questions answered side by side
    embedding_ms: int = 300  # a question not embedded by then is searched by its words
    remembered: int = 2_000  # questions whose passages and vectors are kept in memory


DEFAULTS: Final = Settings()


class Rag:
    """A worker at work."""

    def __init__(self, reader: Reader, embedder: Embedder | None, counts: Counts) -> None:
        self._reader, self._embedder, self.counts = reader, embedder, counts

    @property
    def position(self) -> int:
        """Sequence of the last KNOWLEDGE message that is in the store."""
        return self._reader.position

    async def indexed(self, sequence: int) -> None:
        """Return when the KNOWLEDGE stream is in the store up to `sequence`, by its words."""
        await self._reader.indexed(sequence)

    async def embedded(self, sequence: int) -> None:
        """Return when it is there by its meaning too, if there is an embedding."""
        await self._reader.indexed(sequence)
        if self._embedder:
            await self._embedder.embedded(sequence)


@asynccontextmanager
async def serve(
    bus: Bus,
    nats_url: str,
    store: Store,
    journal: Journal,
    embedding: Embedding | None = None,
    *,
    host: HostId,
    codec: Codec | None = None,
    settings: Settings = DEFAULTS,
) -> AsyncIterator[Rag]:
    """Work until the block is left. Entered when all documents so far are in the store.

    Args:   nats_url: where `bus` is connected to; FastStream makes a connection of its own.
            store: stays the caller's to close; opened for the embedding's space.
            embedding: what finds by meaning, the caller's to close; None: words alone are searched.
    Raises: StoreFailed when the store can't be asked at all.
    """
    counts, codec = Counts(), codec or Codec()
    meaning = _meaning(embedding, counts, settings) if embedding else None
    finder = Finder(store, counts, meaning, remembered=settings.remembered)
    reader, embedder, last = await _readers(bus, store, finder, meaning, counts, settings)
    answerer = Answerer(
        finder,
        journal,
        codec,
        host,
        counts,
        stale_s=settings.stale_s,
        at_once=settings.at_once,
    )
    broker = worker_broker(nats_url, host, grace_s=settings.grace_s)
    _read_documents(broker, reader)
    async with working(broker), AsyncExitStack() as going_on:
        if embedder:
            await going_on.enter_async_context(beside(embedder.run()))
        await reader.indexed(last)  # or the first questions would find an empty store
        await going_on.enter_async_context(beside(_keep_alive(answerer, settings.redeliver_s)))
        await going_on.enter_async_context(_answering_questions(broker, answerer, settings))
        await going_on.enter_async_context(answering_requests(bus, answerer, codec, host))
        yield Rag(reader, embedder, counts)


def _meaning(embedding: Embedding, counts: Counts, settings: Settings) -> Meaning:
    return Meaning(
        *(embedding, counts), question_ms=settings.embedding_ms, remembered=settings.remembered
    )


async def _readers(
    bus: Bus,
    store: Store,
    finder: Finder,
    meaning: Meaning | None,
    counts: Counts,
    settings: Settings,
) -> tuple[Reader, Embedder | None, int]:
    """Reader and embedder where they left off, and the stream's last sequence."""
    info = await bus.js.stream_info(KNOWLEDGE.name)
    log = str(info.created)  # another data folder's stream was made at another time
    last = info.state.last_seq
    position = min(await store.resume(log), last)
    embedder = Embedder(store, meaning, log, position, counts, finder.changed) if meaning else None
    reader = Reader(
        *(store, log, position, counts, settings.language),
        changed=finder.changed,
        embedder=embedder,
    )
    return reader, embedder, last


def _read_documents(broker: NatsBroker, reader: Reader) -> None:
    start = api.ConsumerConfig(
        deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=reader.position + 1
    )
    broker.subscriber(
        KNOWLEDGE.subjects[0],
        stream=JStream(KNOWLEDGE.name, declare=False),
        ordered_consumer=True,
        idle_heartbeat=_HEARTBEAT_S,
        config=start,
        ack_policy=AckPolicy.MANUAL,
        decoder=as_it_is,
    )(reader.on_document)


@asynccontextmanager
async def _answering_questions(
    broker: NatsBroker, answerer: Answerer, settings: Settings
) -> AsyncIterator[None]:
    questions = on_decisions(
        broker,
        DURABLE,
        answerer.on_question,
        wanted,
        stale_s=settings.stale_s,
        redeliver_s=settings.redeliver_s,
    )
    await questions.start()
    try:
        yield
    finally:
        answerer.take_no_more()
        await questions.stop()
        await answerer.finish(settings.grace_s)


async def _keep_alive(answerer: Answerer, redeliver_s: float) -> None:
    while True:
        await asyncio.sleep(redeliver_s / 3)
        try:
            await answerer.keep_alive()
        except nats.errors.Error as failed:  # the connection is away and comes back
            _log.warning("progress not reported: %s", type(failed).__name__)
