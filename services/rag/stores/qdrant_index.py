"""The index in Qdrant, through its synchronous client.

Each shelf has a collection `knowledge.<tenant>.<agent>`, which holds the pieces and one record a
document: what was indexed last, kept when the document is withdrawn, so that nothing older can
come back. Docs: https://qdrant.tech/documentation/concepts/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from contracts.ids import DocumentId, checked
from contracts.passages import Passage
from services.rag.chunk import Piece
from services.rag.embed import Bm25
from services.rag.provider import Vector
from services.rag.store import Embedded, Lacking, Shelf
from services.rag.stores.qdrant_meaning import Meanings
from services.rag.stores.qdrant_points import (
    named_id,
    passage_of,
    payload_of,
    point,
    point_id,
    sparse,
)

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_SHELVES: Final = "knowledge."
_POSITIONS: Final = "partyline.positions"
_LOG: Final = named_id("position")  # the log all is from, and how far its words alone are in
_CANDIDATES: Final = 20  # of each list, before the lists are made one


class Index:
    """Collections and what is in them. See services.rag.store.Store for what each method does."""

    def __init__(self, client: QdrantClient, words: Bm25, space: str, least: float) -> None:
        self._client, self._words = client, words
        self._meanings = Meanings(client, space, least)
        self._position = named_id(f"position of {space}") if space else _LOG
        self._known: set[str] = set()  # collections seen to exist

    def index(
        self,
        shelf: Shelf,
        document: DocumentId,
        sha256: str,
        pieces: Sequence[Piece],
        sequence: int,
    ) -> bool:
        """Put these pieces in place of the old ones."""
        collection = self._existing(shelf)
        record = self._payload(collection, point_id(document))
        if record.get("sequence", 0) >= sequence or (record and record["sha256"] == sha256):
            return False
        points = list(self._points(document, pieces))
        if points:
            self._client.upsert(collection, points)
        self._forget_beyond(collection, document, len(pieces))
        kept = {"record": document, "sha256": sha256, "sequence": sequence}
        self._client.upsert(collection, [point(point_id(document), kept)])
        return True

    def lacking(self, shelf: Shelf, document: DocumentId) -> list[Lacking]:
        """Pieces without vectors."""
        collection = _collection(shelf)
        return self._meanings.lacking(collection, document) if self._exists(collection) else []

    def embed(self, shelf: Shelf, document: DocumentId, embedded: Sequence[Embedded]) -> None:
        """Give them their vectors."""
        self._meanings.embed(_collection(shelf), document, embedded)

    def search(
        self, shelf: Shelf, question: str, limit: int, meaning: Vector | None
    ) -> list[Passage]:
        """By words, and by meaning where there is one."""
        collection = _collection(shelf)
        if not self._exists(collection):
            return []
        words = self._words.question(question)
        near = self._meanings.prefetch(collection, meaning, max(limit, _CANDIDATES))
        if not near and not words.indices:
            return []
        asked = self._both(near, words, limit) if near else self._by_words(words)
        found = self._client.query_points(collection, limit=limit, **asked).points
        return [passage_of(one.payload or {}, one.score) for one in found]

    def resume(self, log: str) -> int:
        """Where to go on; empties what another log has left."""
        if not self._exists(_POSITIONS):
            self._create(_POSITIONS)
        if self._payload(_POSITIONS, _LOG).get("log") != log:
            self._empty()
            self._client.upsert(_POSITIONS, [point(_LOG, {"log": log, "sequence": 0})])
        return int(self._payload(_POSITIONS, self._position).get("sequence", 0))

    def advance(self, log: str, sequence: int) -> None:
        """Remember it."""
        reached = {"log": log, "sequence": sequence}
        self._client.upsert(_POSITIONS, [point(self._position, reached)])

    def _by_words(self, words: Any) -> dict[str, Any]:
        return {"query": sparse(words), "using": self._words.name}

    def _both(self, near: list[Any], words: Any, limit: int) -> dict[str, Any]:
        """Two lists made one by places: scores of words and of nearness have no common measure.

        Reciprocal rank fusion: https://qdrant.tech/documentation/concepts/hybrid-queries/
        """
        from qdrant_client import models

        most = max(limit, _CANDIDATES)
        by_words = [models.Prefetch(**self._by_words(words), limit=most)] if words.indices else []
        return {
            "prefetch": [*by_words, *near],
            "query": models.FusionQuery(fusion=models.Fusion.RRF),
        }

    def _points(self, document: DocumentId, pieces: Sequence[Piece]) -> Iterator[Any]:
        vectors = self._words.passages([piece.whole for piece in pieces])
        for chunk, (piece, vector) in enumerate(zip(pieces, vectors, strict=True)):
            payload = payload_of(document, chunk, piece)
            yield point(point_id(document, chunk), payload, {self._words.name: vector})

    def _forget_beyond(self, collection: str, document: DocumentId, chunk: int) -> None:
        """Delete the document's pieces from `chunk` on: those an older, longer version had."""
        from qdrant_client import models

        of_document = models.FieldCondition(key="document", match=models.MatchValue(value=document))
        beyond = models.FieldCondition(key="chunk", range=models.Range(gte=chunk))
        chosen = models.FilterSelector(filter=models.Filter(must=[of_document, beyond]))
        self._client.delete(collection, chosen)

    def _empty(self) -> None:
        for collection in self._client.get_collections().collections:
            if collection.name.startswith(_SHELVES) or collection.name == _POSITIONS:
                self._client.delete_collection(collection.name)
        self._known.clear()
        self._meanings.forget()
        self._create(_POSITIONS)

    def _payload(self, collection: str, id: str) -> dict[str, Any]:
        found = self._client.retrieve(collection, [id])
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
                collection, vectors_config={}, sparse_vectors_config={self._words.name: weighed}
            )
        except UnexpectedResponse as refused:
            if refused.status_code != 409:  # another worker was quicker
                raise
        self._known.add(collection)


def _collection(shelf: Shelf) -> str:
    tenant, agent = checked("tenant", shelf.tenant), checked("agent", shelf.agent)
    return f"{_SHELVES}{tenant}.{agent}"
