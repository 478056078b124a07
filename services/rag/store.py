"""The port to the index of all agents' knowledge."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from contracts.ids import AgentId, DocumentId, TenantId
from contracts.passages import Passage
from services.rag.chunk import Piece
from services.rag.provider import Vector


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


class Lacking(NamedTuple):
    """A piece without a vector of its meaning."""

    chunk: int  # place in the document, starts at 0
    piece: Piece


class Embedded(NamedTuple):
    """A piece and its vector."""

    chunk: int  # place in the document, starts at 0
    piece: Piece
    vector: Vector


class Store(Protocol):
    """Keeps documents' pieces and finds the nearest. Raises StoreFailed, from every method.

    Built from the KNOWLEDGE stream alone, in the stream's order; `sequence` is a document's
    place there. What is older than what the store holds changes nothing, so several workers
    may fill one store, and any part of the stream may be read again.

    Vectors are of one space, which the store was opened for. Those of another are left alone, and
    never compared with.
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

    async def lacking(self, shelf: Shelf, document: DocumentId) -> list[Lacking]:
        """The document's pieces without a vector, in order; none when it is not there."""
        ...

    async def embed(self, shelf: Shelf, document: DocumentId, embedded: Sequence[Embedded]) -> None:
        """Give pieces their vectors. A piece that is not the same any more gets none."""
        ...

    async def search(
        self, shelf: Shelf, question: str, limit: int, meaning: Vector | None = None
    ) -> list[Passage]:
        """The best passages, best first; none when no word of the question is found.

        With `meaning`, the question's vector, those that are near to it are found too, and places
        in both lists count.
        """
        ...

    async def resume(self, log: str) -> int:
        """The sequence up to which the knowledge log `log` is in here with its vectors; 0: nothing.

        A store that was filled from another log is emptied.
        """
        ...

    async def advance(self, log: str, sequence: int) -> None:
        """Remember that the log is in here up to `sequence`, with its vectors."""
        ...

    async def close(self) -> None:
        """Let go of the folder or the connection."""
        ...
