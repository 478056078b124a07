"""Points as Qdrant keeps them: their ids, what they carry, and back."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any

from contracts.ids import DocumentId
from contracts.passages import Passage
from services.rag.chunk import Piece
from services.rag.embed import Sparse


def point_id(document: DocumentId, chunk: int | None = None) -> str:
    """Always the same for the same piece; without `chunk` the document's record."""
    return named_id(document if chunk is None else f"{document}#{chunk}")


def named_id(name: str) -> str:
    """Qdrant takes numbers and UUIDs only."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"partyline:{name}"))


def vector_name(space: str) -> str:
    """Of a space: fit for a URL, and never another's."""
    readable = re.sub(r"[^a-z0-9]+", "-", space.lower()).strip("-")[:40]
    return f"{readable}-{hashlib.sha256(space.encode()).hexdigest()[:8]}"


def payload_of(document: DocumentId, chunk: int, piece: Piece) -> dict[str, Any]:
    """What a piece's point carries."""
    return {"document": document, "chunk": chunk, "title": piece.title, "text": piece.text}


def piece_of(payload: dict[str, Any]) -> Piece:
    """The piece back."""
    return Piece(payload["title"], payload["text"])


def passage_of(payload: dict[str, Any], score: float) -> Passage:
    """What is answered from a point."""
    return Passage(
        document=payload["document"],
        chunk=payload["chunk"],
        title=payload["title"],
        text=payload["text"],
        score=score,
    )


def point(id: str, payload: dict[str, Any], vectors: dict[str, Sparse] | None = None) -> Any:
    """A point to store."""
    from qdrant_client import models

    named: Any = {name: sparse(vector) for name, vector in (vectors or {}).items()}
    return models.PointStruct(id=id, payload=payload, vector=named)


def sparse(vector: Sparse) -> Any:
    """The vector as Qdrant takes it."""
    from qdrant_client import models

    return models.SparseVector(indices=vector.indices, values=vector.values)
