"""Qdrant as the index: a folder of this process's own, or a server that workers share.

Each shelf has a collection `knowledge.<tenant>.<agent>`, which holds the pieces and one record a
document: what was indexed last, kept when the document is withdrawn, so that nothing older can
come back. Docs: https://qdrant.tech/documentation/concepts/
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from contracts.ids import DocumentId, checked
from contracts.passages import Passage
from services.rag.chunk import Piece
from services.rag.embed import Embedding, Sparse
from services.rag.store import Shelf, StoreFailed, StoreLocked

if TYPE_CHECKING:  # imported for real in the store's own thread: it takes a second or more
    from qdrant_client import QdrantClient

Result = TypeVar("Result")

_SHELVES: Final = "knowledge."
_POSITIONS: Final = "partyline.positions"
_POSITION: Final = str(uuid.uuid5(uuid.NAMESPACE_URL, "partyline:position"))
_SERVER_THREADS: Final = 8
_TIMEOUT_S: Final = 3


async def open_folder(path: Path, embedding: Embedding) -> QdrantStore:
    """Qdrant's local mode. Raises StoreLocked; StoreFailed when the folder can't be read."""
    # One thread: local mode is synchronous, and its database belongs to the thread that opened it.
    threads = ThreadPoolExecutor(1, "knowledge")

    def connect() -> QdrantClient:
        from qdrant_client import QdrantClient

        _refuse_if_locked(path)
        return QdrantClient(path=str(path))

    return await _opened(threads, connect, embedding)


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


async def connect_server(url: str, embedding: Embedding, api_key: str | None = None) -> QdrantStore:
    """A Qdrant server, shared by all workers. Does not wait for it: each use may fail alone."""
    threads = ThreadPoolExecutor(_SERVER_THREADS, "knowledge")

    def connect() -> QdrantClient:
        from qdrant_client import QdrantClient

        return QdrantClient(url=url, api_key=api_key, timeout=_TIMEOUT_S, check_compatibility=False)

    return await _opened(threads, connect, embedding)


async def _opened(
    threads: ThreadPoolExecutor, connect: Callable[[], QdrantClient], embedding: Embedding
) -> QdrantStore:
    try:
        client = await asyncio.get_running_loop().run_in_executor(threads, connect)
    except OSError as refused:
        threads.shutdown(wait=False)
        raise StoreFailed(type(refused).__name__, retryable=False) from None
    except BaseException:
        threads.shutdown(wait=False)
        raise
    return QdrantStore(client, threads, embedding)


class QdrantStore:
    """services.rag.store.Store. Everything that touches the client runs in `threads`."""

    def __init__(
        self, client: QdrantClient, threads: ThreadPoolExecutor, embedding: Embedding
    ) -> None:
        self._client, self._threads, self._embedding = client, threads, embedding
        self._known: set[str] = set()  # collections seen to exist

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
        return await self._run(lambda: self._index(shelf, document, sha256, pieces, sequence))

    async def withdraw(self, shelf: Shelf, document: DocumentId, *, sequence: int) -> None:
        """See services.rag.store.Store.withdraw."""
        await self._run(lambda: self._index(shelf, document, "", (), sequence))

    async def search(self, shelf: Shelf, question: str, limit: int) -> list[Passage]:
        """See services.rag.store.Store.search."""
        return await self._run(lambda: self._search(shelf, question, limit))

    async def resume(self, log: str) -> int:
        """See services.rag.store.Store.resume."""
        return await self._run(lambda: self._resume(log))

    async def advance(self, log: str, sequence: int) -> None:
        """See services.rag.store.Store.advance."""
        await self._run(lambda: self._advance(log, sequence))

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

    def _index(
        self,
        shelf: Shelf,
        document: DocumentId,
        sha256: str,
        pieces: Sequence[Piece],
        sequence: int,
    ) -> bool:
        collection = self._existing(shelf)
        record = self._payload(collection, _id(document))
        if record.get("sequence", 0) >= sequence or (record and record["sha256"] == sha256):
            return False
        points = list(self._points(document, pieces))
        if points:
            self._client.upsert(collection, points)
        self._forget_beyond(collection, document, len(pieces))
        kept = {"record": document, "sha256": sha256, "sequence": sequence}
        self._client.upsert(collection, [_point(_id(document), kept)])
        return True

    def _points(self, document: DocumentId, pieces: Sequence[Piece]) -> Iterator[Any]:
        vectors = self._embedding.passages([f"{piece.title}\n{piece.text}" for piece in pieces])
        for chunk, (piece, vector) in enumerate(zip(pieces, vectors, strict=True)):
            payload = {
                "document": document,
                "chunk": chunk,
                "title": piece.title,
                "text": piece.text,
            }
            yield _point(_id(document, chunk), payload, {self._embedding.name: vector})

    def _forget_beyond(self, collection: str, document: DocumentId, chunk: int) -> None:
        """Delete the document's pieces from `chunk` on: those an older, longer version had."""
        from qdrant_client import models

        of_document = models.FieldCondition(key="document", match=models.MatchValue(value=document))
        beyond = models.FieldCondition(key="chunk", range=models.Range(gte=chunk))
        chosen = models.FilterSelector(filter=models.Filter(must=[of_document, beyond]))
        self._client.delete(collection, chosen)

    def _search(self, shelf: Shelf, question: str, limit: int) -> list[Passage]:
        from qdrant_client import models

        vector = self._embedding.question(question)
        collection = _collection(shelf)
        if not vector.indices or not self._exists(collection):
            return []
        found = self._client.query_points(
            collection,
            models.SparseVector(indices=vector.indices, values=vector.values),
            using=self._embedding.name,
            limit=limit,
        ).points
        return [_passage(point.payload or {}, point.score) for point in found]

    def _resume(self, log: str) -> int:
        if not self._exists(_POSITIONS):
            self._create(_POSITIONS)
        position = self._payload(_POSITIONS, _POSITION)
        if position.get("log") == log:
            return int(position["sequence"])
        for collection in self._client.get_collections().collections:
            if collection.name.startswith(_SHELVES):
                self._client.delete_collection(collection.name)
        self._known = {_POSITIONS}
        self._advance(log, 0)
        return 0

    def _advance(self, log: str, sequence: int) -> None:
        self._client.upsert(_POSITIONS, [_point(_POSITION, {"log": log, "sequence": sequence})])

    def _payload(self, collection: str, point: str) -> dict[str, Any]:
        found = self._client.retrieve(collection, [point])
        return (found[0].payload or {}) if found else {}

    def _existing(self, shelf: Shelf) -> str:
        collection = _collection(shelf)
        if not self._exists(collection):
            self._create(collection)
        return collection

    def _exists(self, collection: str) -> bool:
        if collection not in self._known and self._client.collection_exists(collection):
            self._known.add(collection)
        return collection in self._known

    def _create(self, collection: str) -> None:
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        weighed = models.SparseVectorParams(modifier=models.Modifier.IDF)
        try:
            self._client.create_collection(
                collection, vectors_config={}, sparse_vectors_config={self._embedding.name: weighed}
            )
        except UnexpectedResponse as refused:
            if refused.status_code != 409:  # another worker was quicker
                raise
        self._known.add(collection)


def _collection(shelf: Shelf) -> str:
    tenant, agent = checked("tenant", shelf.tenant), checked("agent", shelf.agent)
    return f"{_SHELVES}{tenant}.{agent}"


def _id(document: DocumentId, chunk: int | None = None) -> str:
    """Always the same for the same piece; without `chunk` the document's record."""
    name = document if chunk is None else f"{document}#{chunk}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"partyline:{name}"))


def _point(id: str, payload: dict[str, Any], vectors: dict[str, Sparse] | None = None) -> Any:
    from qdrant_client import models

    sparse: Any = {
        name: models.SparseVector(indices=vector.indices, values=vector.values)
        for name, vector in (vectors or {}).items()
    }
    return models.PointStruct(id=id, payload=payload, vector=sparse)


def _passage(payload: dict[str, Any], score: float) -> Passage:
    return Passage(
        document=payload["document"],
        chunk=payload["chunk"],
        title=payload["title"],
        text=payload["text"],
        score=score,
    )
