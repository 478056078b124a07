"""Qdrant as the index: a folder of this process's own, or a server that workers share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from contracts.ids import DocumentId
from contracts.passages import Passage
from services.rag.chunk import Piece
from services.rag.embed import Bm25
from services.rag.provider import Vector
from services.rag.store import Embedded, Lacking, Shelf, StoreFailed, StoreLocked
from services.rag.stores.qdrant_index import Index

if TYPE_CHECKING:  # imported for real in the store's own thread: it takes a second or more
    from qdrant_client import QdrantClient

Result = TypeVar("Result")

_SERVER_THREADS: Final = 8
_TIMEOUT_S: Final = 3
LEAST: Final = 0.35


async def open_folder(
    path: Path, words: Bm25, space: str = "", *, least: float = LEAST
) -> QdrantStore:
    """Qdrant's local mode. Raises StoreLocked; StoreFailed when the folder can't be read.

    Args:   space: of the embedding, see services.rag.provider; empty: words alone.
            least: cosine below which a piece is not near enough to a question to be found.
    """
    # One thread: local mode is synchronous, and its database belongs to the thread that opened it.
    threads = ThreadPoolExecutor(1, "knowledge")

    def connect() -> QdrantClient:
        from services.rag.stores.client import new_client

        _refuse_if_locked(path)
        return new_client(path=str(path))

    return await _opened(threads, connect, words, space, least)


def _refuse_if_locked(path: Path) -> None:
    """Raises StoreLocked. The client checks too, but leaves its file open when it refuses."""
    import portalocker  # the client's own means

    lock = path / ".lock"
    if not lock.exists():
        return
    try:
        with portalocker.Lock(lock, "r+", timeout=0, fail_when_locked=True):
            return
    except portalocker.exceptions.LockException:
        raise StoreLocked(
            f"another process uses the knowledge index in {path}: stop that process, "
            "choose another folder, or share a Qdrant server"
        ) from None


async def connect_server(
    url: str, words: Bm25, space: str = "", *, api_key: str | None = None, least: float = LEAST
) -> QdrantStore:
    """A Qdrant server, shared by all workers. Does not wait for it: each use may fail alone.

    `space` and `least`: see open_folder.
    """
    threads = ThreadPoolExecutor(_SERVER_THREADS, "knowledge")

    def connect() -> QdrantClient:
        from services.rag.stores.client import new_client

        return new_client(url=url, api_key=api_key, timeout=_TIMEOUT_S, check_compatibility=False)

    return await _opened(threads, connect, words, space, least)


async def _opened(
    threads: ThreadPoolExecutor,
    connect: Callable[[], QdrantClient],
    words: Bm25,
    space: str,
    least: float,
) -> QdrantStore:
    try:
        client = await asyncio.get_running_loop().run_in_executor(threads, connect)
    except OSError as refused:
        threads.shutdown(wait=False)
        raise StoreFailed(type(refused).__name__, retryable=False) from None
    except BaseException:
        threads.shutdown(wait=False)
        raise
    return QdrantStore(client, threads, Index(client, words, space, least))


class QdrantStore:
    """services.rag.store.Store. Everything that touches the client runs in `threads`."""

    def __init__(self, client: QdrantClient, threads: ThreadPoolExecutor, index: Index) -> None:
        self._client, self._threads, self._in = client, threads, index

    async def index(
        self,
        shelf: Shelf,
        document: DocumentId,
        sha256: str,
        pieces: Sequence[Piece],
        *,
        sequence: int,
    ) -> bool:
        """See services.rag.store.Store.index."""
        return await self._run(lambda: self._in.index(shelf, document, sha256, pieces, sequence))

    async def withdraw(self, shelf: Shelf, document: DocumentId, *, sequence: int) -> None:
        """See services.rag.store.Store.withdraw."""
        await self._run(lambda: self._in.index(shelf, document, "", (), sequence))

    async def lacking(self, shelf: Shelf, document: DocumentId) -> list[Lacking]:
        """See services.rag.store.Store.lacking."""
        return await self._run(lambda: self._in.lacking(shelf, document))

    async def embed(self, shelf: Shelf, document: DocumentId, embedded: Sequence[Embedded]) -> None:
        """See services.rag.store.Store.embed."""
        await self._run(lambda: self._in.embed(shelf, document, embedded))

    async def search(
        self, shelf: Shelf, question: str, limit: int, meaning: Vector | None = None
    ) -> list[Passage]:
        """See services.rag.store.Store.search."""
        return await self._run(lambda: self._in.search(shelf, question, limit, meaning))

    async def resume(self, log: str) -> int:
        """See services.rag.store.Store.resume."""
        return await self._run(lambda: self._in.resume(log))

    async def advance(self, log: str, sequence: int) -> None:
        """See services.rag.store.Store.advance."""
        await self._run(lambda: self._in.advance(log, sequence))

    async def close(self) -> None:
        """See services.rag.store.Store.close."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._client.close)
        self._threads.shutdown(wait=False)

    async def _run(self, work: Callable[[], Result]) -> Result:
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except UnexpectedResponse as refused:  # the causes' texts may quote the question: not kept
            retryable = refused.status_code is None or refused.status_code >= 429
            raise StoreFailed("UnexpectedResponse", retryable=retryable) from None
        except (ResponseHandlingException, OSError) as away:
            raise StoreFailed(type(away).__name__, retryable=True) from None
        except (RuntimeError, ValueError) as failed:
            raise StoreFailed(type(failed).__name__, retryable=False) from None
