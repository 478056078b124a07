"""KNOWLEDGE -> the store.

The store remembers how far it has read, so no durable consumer does: a store that is new, lost or
behind is filled from the stream alone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from faststream.nats import NatsMessage

from contracts.codec import Unreadable, decode_knowledge
from contracts.ids import AgentId, BadId, DocumentId, TenantId, checked
from contracts.knowledge import DocumentAdded, DocumentWithdrawn, KnowledgeEvent
from services.rag.chunk import pieces
from services.rag.counts import Counts
from services.rag.embedder import Embedder
from services.rag.store import Shelf, Store, StoreFailed
from services.rag.until_done import until_done

_log: Final = logging.getLogger("partyline.rag")


class Reader:
    """Takes the stream's messages one at a time, in order."""

    def __init__(
        self,
        store: Store,
        log: str,
        position: int,
        counts: Counts,
        language: str,
        *,
        changed: Callable[[Shelf], None],
        embedder: Embedder | None = None,
    ) -> None:
        """
        Args:   log: see Store.resume.
                position: the last sequence taken in.
                changed: is told which shelf holds something else now.
                embedder: takes over each message once its words are in.
        """
        self._store, self._log, self._counts, self._language = store, log, counts, language
        self._changed, self._embedder = changed, embedder
        self.position = position
        self._moved = asyncio.Condition()

    async def indexed(self, sequence: int) -> None:
        """Return when the stream is in the store up to `sequence`."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position >= sequence)

    async def on_document(self, message: NatsMessage) -> None:
        """Take in one message. Returns only when the store has it, or it is found to be none."""
        sequence = message.raw_message.metadata.sequence.stream
        if sequence <= self.position:
            return  # the consumer began anew
        try:
            shelf, event = _read(message.raw_message.subject, message.body)
        except Unreadable as broken:
            self._skip(sequence, str(broken))
            await self._move(sequence, None, DocumentId(""))
        else:
            await self._take_in(shelf, event, sequence)
            await self._move(sequence, shelf, event.document)

    async def _take_in(self, shelf: Shelf, event: KnowledgeEvent, sequence: int) -> None:
        try:
            await until_done(self._work(shelf, event, sequence), "documents wait for the store")
        except Exception as failed:  # FastStream would drop it unsaid; the next must come in
            self._skip(sequence, str(getattr(failed, "kind", type(failed).__name__)))
        self._changed(shelf)

    async def _move(self, sequence: int, shelf: Shelf | None, document: DocumentId) -> None:
        if self._embedder:
            self._embedder.later(sequence, shelf, document)
        else:
            await self._remember(sequence)
        async with self._moved:
            self.position = sequence
            self._moved.notify_all()

    async def _remember(self, sequence: int) -> None:
        try:
            await until_done(
                lambda: self._store.advance(self._log, sequence), "the position waits for the store"
            )
        except StoreFailed as refused:  # harmless: what is not remembered is read again
            _log.error("the store does not remember its position: %s", refused.kind)

    def _work(
        self, shelf: Shelf, event: KnowledgeEvent, sequence: int
    ) -> Callable[[], Awaitable[None]]:
        async def add(added: DocumentAdded) -> None:
            cut = await asyncio.to_thread(pieces, added, self._language)
            self._counts.indexed += await self._store.index(
                shelf, added.document, added.sha256, cut, sequence=sequence
            )

        async def withdraw(withdrawn: DocumentWithdrawn) -> None:
            await self._store.withdraw(shelf, withdrawn.document, sequence=sequence)
            self._counts.withdrawn += 1

        if isinstance(event, DocumentAdded):
            return lambda: add(event)
        return lambda: withdraw(event)

    def _skip(self, sequence: int, reason: str) -> None:
        self._counts.skipped += 1
        _log.error("KNOWLEDGE message %d skipped: %s", sequence, reason)


def _read(subject: str, payload: bytes) -> tuple[Shelf, KnowledgeEvent]:
    """Whose document it is, and what became of it. Raises Unreadable."""
    event = decode_knowledge(payload)
    _, tenant, agent, document = subject.split(".")
    try:
        shelf = Shelf(
            TenantId(checked("tenant", tenant)),
            AgentId(checked("agent", agent)),
        )
    except BadId as bad:
        raise Unreadable(str(bad)) from None
    if document != event.document:
        raise Unreadable("the subject names another document")
    return shelf, event
