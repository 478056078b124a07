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
from contracts.ids import AgentId, BadId, TenantId, checked
from contracts.knowledge import DocumentAdded, DocumentWithdrawn, KnowledgeEvent
from services.rag.chunk import pieces
from services.rag.counts import Counts
from services.rag.store import Shelf, Store, StoreFailed

_log: Final = logging.getLogger("partyline.rag")
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 5.0


class Reader:
    """Takes the stream's messages one at a time, in order."""

    def __init__(
        self, store: Store, log: str, position: int, counts: Counts, language: str = "en"
    ) -> None:
        """`log`: see Store.resume; `position`: the last sequence taken in."""
        self._store, self._log, self._counts, self._language = store, log, counts, language
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
        else:
            await self._take_in(shelf, event, sequence)
        await self._move(sequence)

    async def _take_in(self, shelf: Shelf, event: KnowledgeEvent, sequence: int) -> None:
        work = self._work(shelf, event, sequence)
        try:
            await self._stored(work)
        except Exception as failed:  # FastStream would drop it unsaid; the next must come in
            self._skip(sequence, str(getattr(failed, "kind", type(failed).__name__)))

    async def _move(self, sequence: int) -> None:
        try:
            await self._stored(lambda: self._store.advance(self._log, sequence))
        except StoreFailed as refused:  # harmless: what is not remembered is read again
            _log.error("the store does not remember its position: %s", refused.kind)
        async with self._moved:
            self.position = sequence
            self._moved.notify_all()

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

    async def _stored(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try until the store has it: to go on without would lose a document for good."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return await work()
            except StoreFailed as failed:
                if not failed.retryable:
                    raise
                _log.warning("documents wait for the store: %s", failed.kind)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

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
