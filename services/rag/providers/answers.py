"""What embeddings have in common when they come from a server."""

from collections.abc import Mapping

from services.rag.provider import EmbeddingFailed, Vector


def checked(name: str, vectors: list[Vector], wanted: int) -> list[Vector]:
    """The vectors, if they can be what was asked for. Raises EmbeddingFailed."""
    sizes = {len(vector) for vector in vectors}
    if len(vectors) != wanted or len(sizes) != 1 or 0 in sizes:
        raise EmbeddingFailed(name, "garbled", retryable=True)
    return vectors


def refused(
    name: str, status: int, headers: Mapping[str, str], *, spent: bool = False
) -> EmbeddingFailed:
    """What an HTTP status says. `spent`: the answer says that what was paid for is used up."""
    kind, retryable = ("quota", False) if spent else _kind(status)
    again_s = _retry_after_s(headers) if retryable else None
    return EmbeddingFailed(name, kind, retryable=retryable, retry_after_s=again_s)


def _kind(status: int) -> tuple[str, bool]:
    match status:
        case 401 | 403:
            return "unauthorized", False
        case 402:
            return "quota", False
        case 408:
            return "timeout", True
        case 429:
            return "rate_limited", True
        case _ if status >= 500:
            return "unavailable", True
        case _:
            return "refused", False


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of the `retry-after` header (RFC 9110, 10.2.3); None without one, or for a date."""
    given = next((text for name, text in headers.items() if name.lower() == "retry-after"), "")
    try:
        return max(0.0, float(given))
    except ValueError:
        return None
