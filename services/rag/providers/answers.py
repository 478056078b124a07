"""What embeddings have in common when they come from a server."""

from services.rag.provider import EmbeddingFailed, Vector


def checked(name: str, vectors: list[Vector], wanted: int) -> list[Vector]:
    """The vectors, if they can be what was asked for. Raises EmbeddingFailed."""
    sizes = {len(vector) for vector in vectors}
    if len(vectors) != wanted or len(sizes) != 1 or 0 in sizes:
        raise EmbeddingFailed(name, "garbled", retryable=True)
    return vectors
