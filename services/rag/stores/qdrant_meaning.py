"""Vectors of meaning in Qdrant: one name a space, added to a collection when its first come.

Their length is known only then. Needs Qdrant 1.18, the first that names a vector in a collection
that exists: https://api.qdrant.tech/v-1-18-x/api-reference/collections/create-vector-name
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from contracts.ids import DocumentId
from services.rag.provider import Vector
from services.rag.store import Embedded, Lacking, StoreFailed
from services.rag.stores.qdrant_points import piece_of, point_id, vector_name

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_AT_ONCE: Final = 64  # pieces fetched in one request


class Meanings:
    """The vectors of one space, in all collections."""

    def __init__(self, client: QdrantClient, space: str, least: float) -> None:
        """`least`: cosine, -1 to 1, below which a piece is not near enough to be found."""
        self._client, self._least = client, least
        self._name = vector_name(space) if space else ""
        self._sizes: dict[str, int] = {}  # of the vectors, by collection; 0: there are none yet

    def forget(self) -> None:
        """The collections are not the same any more."""
        self._sizes.clear()

    def prefetch(self, collection: str, meaning: Vector | None, limit: int) -> list[Any]:
        """What finds the nearest; nothing without vectors of the question's length."""
        from qdrant_client import models

        if not self._name or meaning is None or self._size(collection) != len(meaning):
            return []
        return [
            models.Prefetch(
                query=meaning, using=self._name, limit=limit, score_threshold=self._least
            )
        ]

    def lacking(self, collection: str, document: DocumentId) -> list[Lacking]:
        """See services.rag.store.Store.lacking."""
        self._sizes.pop(collection, None)  # another worker may have added the name
        named = [self._name] if self._size(collection) else False
        found: list[Any] = []
        while len(found) % _AT_ONCE == 0:
            ids = [point_id(document, len(found) + place) for place in range(_AT_ONCE)]
            some = self._client.retrieve(collection, ids, with_vectors=named)
            found += some
            if not some:
                break
        without = (one.payload for one in found if not (one.vector or {}).get(self._name))
        return sorted(Lacking(payload["chunk"], piece_of(payload)) for payload in without)

    def embed(self, collection: str, document: DocumentId, embedded: Sequence[Embedded]) -> None:
        """See services.rag.store.Store.embed."""
        from qdrant_client.http.exceptions import UnexpectedResponse

        if not embedded:
            return
        self._name_them(collection, len(embedded[0].vector))
        writes = [self._write(document, one) for one in embedded]
        try:
            self._client.batch_update_points(collection, writes)
        except KeyError:
            return  # local mode: a piece is gone, so another version of the document comes
        except UnexpectedResponse as refused:
            if refused.status_code != 404:  # the same
                raise

    def _write(self, document: DocumentId, one: Embedded) -> Any:
        """The vector for the piece, if its text is still that one."""
        from qdrant_client import models

        still = models.Filter(
            must=[
                models.FieldCondition(key=key, match=models.MatchValue(value=value))
                for key, value in (("title", one.piece.title), ("text", one.piece.text))
            ]
        )
        vectors: Any = {self._name: one.vector}
        place = models.PointVectors(id=point_id(document, one.chunk), vector=vectors)
        return models.UpdateVectorsOperation(
            update_vectors=models.UpdateVectors(points=[place], update_filter=still)
        )

    def _name_them(self, collection: str, size: int) -> None:
        """Raises StoreFailed when the vectors that are there have another length."""
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        if not self._size(collection):
            dense = models.DenseVectorConfig(size=size, distance=models.Distance.COSINE)
            config = models.DenseVectorNameConfig(dense=dense)
            try:
                self._client.create_vector_name(collection, self._name, config)
            except UnexpectedResponse:
                if not self._asked_size(collection):  # else another worker was quicker
                    raise
            self._sizes.pop(collection, None)
        if self._size(collection) != size:
            raise StoreFailed("vectors of another length", retryable=False)

    def _size(self, collection: str) -> int:
        if collection not in self._sizes:
            self._sizes[collection] = self._asked_size(collection)
        return self._sizes[collection]

    def _asked_size(self, collection: str) -> int:
        named: Any = self._client.get_collection(collection).config.params.vectors or {}
        return int(named[self._name].size) if self._name in named else 0
