"""The port to the index of all agents' knowledge."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from contracts.ids import AgentId, DocumentId, TenantId
from contracts.passages import Passage
from services.rag.chunk import Piece


class StoreFailed(Exception):
    """The index could not be asked or changed. Names the cause's kind, never what was asked."""

    def __init__(self, kind: str, *, retryable: bool) -> None:
        super().__init__(f"the knowledge index failed: {kind}")
        self.kind, self.retryable = kind, retryable


class StoreLocked(Exception):
    """The index's folder belongs to another process."""


class Shelf(NamedTuple):
    """Whose knowledge it is. Shelves know nothing of each other."""

    tenant: TenantId
    agent: AgentId


class Store(Protocol):
    """Keeps documents' pieces and finds the nearest. Raises StoreFailed, from every method.

    Built from the KNOWLEDGE stream alone, in the stream's order; `sequence` is a document's
    place there. What is older than what the store holds changes nothing, so several workers
    may fill one store, and any part of the stream may be read again.
    """

    async def index(
        self,
        shelf: Shelf,
        document: DocumentId,
        sha256: str,
        pieces: Sequence[Piece],
        *,
        sequence: int,
    ) -> bool:
        """Put these pieces in place of the document's old ones. False: it was there already."""
        ...

    async def withdraw(self, shelf: Shelf, document: DocumentId, *, sequence: int) -> None:
        """Forget the document's pieces."""
        ...

    async def search(self, shelf: Shelf, question: str, limit: int) -> list[Passage]:
        """The best passages, best first; none when no word of the question is found."""
        ...

    async def resume(self, log: str) -> int:
        """The sequence up to which the knowledge log `log` is in here; 0: nothing is.

        A store that was filled from another log is emptied.
        """
        ...

    async def advance(self, log: str, sequence: int) -> None:
        """Remember that the log is in here up to `sequence`."""
        ...

    async def close(self) -> None:
        """Let go of the folder or the connection."""
        ...
