"""What an HTTP status means for recognition, also that of a refused upgrade to a WebSocket."""

from collections.abc import Mapping, Set

from infra.refusals import kind_of
from infra.retry_after import retry_after_s
from services.stt.provider import RecognitionFailed


def refused(
    provider: str, status: int, headers: Mapping[str, str], codes: Set[str] = frozenset()
) -> RecognitionFailed:
    """The failure to raise `from None`. `headers`: of the answer, in a case-blind mapping."""
    kind, retryable = kind_of(status, codes)
    wait_s = retry_after_s(headers) if retryable else None
    return RecognitionFailed(provider, kind, retryable=retryable, retry_after_s=wait_s)
