"""What embeddings have in common when they come from a server."""

from collections.abc import Mapping

from infra.refusals import codes_of, kind_of
from infra.retry_after import retry_after_s
from services.rag.provider import EmbeddingFailed, Vector


def checked(name: str, vectors: list[Vector], wanted: int) -> list[Vector]:
    """The vectors, if they can be what was asked for. Raises EmbeddingFailed."""
    sizes = {len(vector) for vector in vectors}
    if len(vectors) != wanted or len(sizes) != 1 or 0 in sizes:
        raise EmbeddingFailed(name, "garbled", retryable=True)
    return vectors


def refused(
    name: str, status: int, headers: Mapping[str, str], body: object = None
) -> EmbeddingFailed:
    """What a server that will not answer says."""
    kind, retryable = kind_of(status, codes_of(body))
    again_s = retry_after_s(headers) if retryable else None
    return EmbeddingFailed(name, kind, retryable=retryable, retry_after_s=again_s)
