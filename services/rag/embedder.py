"""What the reader has taken in by its words -> its vectors, as fast as the embedding gives them.

Words never wait: a provider that is down holds up neither the index nor a start.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from contracts.ids import DocumentId
from infra.telemetry import about
from services.rag.counts import Counts
from services.rag.meaning import Meaning
from services.rag.provider import EmbeddingFailed
from services.rag.store import Embedded, Shelf, Store, StoreFailed
from services.rag.until_done import until_done

_log: Final = logging.getLogger("partyline.rag")


class _Entry(NamedTuple):
    sequence: int
    shelf: Shelf | None  # None: nothing to embed, but the position moves
    document: DocumentId


class Embedder:
    """Follows the reader, in the log's order. The store's position is how far it has come."""

    def __init__(
        self,
        store: Store,
        meaning: Meaning,
        log: str,
        position: int,
        counts: Counts,
        changed: Callable[[Shelf], None],
    ) -> None:
        """`log`: see Store.resume; `changed` is told which shelf has got vectors."""
        self._store, self._meaning, self._log = store, meaning, log
        self._counts, self._changed = counts, changed
        self._waiting: asyncio.Queue[_Entry] = asyncio.Queue()
        self._position = position
        self._moved = asyncio.Condition()

    async def embedded(self, sequence: int) -> None:
        """Return when all up to `sequence` has its vectors, or can have none."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._position >= sequence)

    def later(self, sequence: int, shelf: Shelf | None, document: DocumentId) -> None:
        """Take this on, once what came before is done."""
        self._waiting.put_nowait(_Entry(sequence, shelf, document))

    async def run(self) -> None:
        """Work for ever."""
        while True:
            entry = await self._waiting.get()
            if entry.shelf:
                await self._take(entry.shelf, entry)
            await self._move(entry.sequence)

    async def _take(self, shelf: Shelf, entry: _Entry) -> None:
        try:
            await until_done(
                lambda: self._embed(shelf, entry.document), "meanings wait for their embedding"
            )
        except Exception as failed:  # found by its words all the same; the next must be embedded
            kind = str(getattr(failed, "kind", type(failed).__name__))
            self._counts.not_embedded += 1
            _log.error("KNOWLEDGE message %d is found by words alone: %s", entry.sequence, kind)
        self._changed(shelf)

    async def _embed(self, shelf: Shelf, document: DocumentId) -> None:
        lacking = await self._store.lacking(shelf, document)
        if not lacking:
            return
        about(shelf.tenant, "", shelf.agent)
        vectors = await self._meaning.of_passages([one.piece.whole for one in lacking])
        embedded = [Embedded(*one, vector) for one, vector in zip(lacking, vectors, strict=True)]
        await self._store.embed(shelf, document, embedded)
        self._counts.embedded += 1

    async def _move(self, sequence: int) -> None:
        try:
            await until_done(
                lambda: self._store.advance(self._log, sequence), "the position waits for the store"
            )
        except (StoreFailed, EmbeddingFailed) as refused:  # harmless: it is read again
            _log.error("the store does not remember its position: %s", refused.kind)
        async with self._moved:
            self._position = sequence
            self._moved.notify_all()
