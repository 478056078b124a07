"""A WebSocket's failures in the words of the port, and whether a fresh ear may succeed."""

from collections.abc import Mapping

from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.stt.provider import RecognitionFailed


def failed(name: str, failure: Exception) -> RecognitionFailed:
    """What to raise `from None` in place of a socket's or an SDK's own failure."""
    match failure:
        case InvalidStatus(response=response):
            return refused(name, response.status_code, response.headers)
        case ConnectionClosed(rcvd=close):
            return hung_up(name, close.code if close else 0)
        case TimeoutError():
            return RecognitionFailed(name, "timeout", retryable=True)
        case OSError():
            return RecognitionFailed(name, "unreachable", retryable=True)
        case _:
            return RecognitionFailed(name, "garbled", retryable=True)


def refused(name: str, status: int, headers: Mapping[str, str]) -> RecognitionFailed:
    """An HTTP status instead of a service. `headers`: of the answer, names in any case."""
    kind, retryable = _kind_of_status(status)
    after_s = _seconds(headers.get("retry-after", "")) if retryable else None
    return RecognitionFailed(name, kind, retryable=retryable, retry_after_s=after_s)


def _kind_of_status(status: int) -> tuple[str, bool]:
    match status:
        case 401 | 403:
            return "unauthorized", False
        case 402:
            return "quota", False
        case 429:
            return "rate_limited", True
        case _ if status >= 500:
            return "unavailable", True
        case _:
            return "refused", False


def hung_up(name: str, code: int) -> RecognitionFailed:
    """The vendor closed; `code` 0: or the connection broke. RFC 6455, section 7.4.1."""
    match code:
        case 1003 | 1007 | 1008 | 1009:
            return RecognitionFailed(name, "refused", retryable=False)  # what we sent is the fault
        case 1011 | 1012 | 1013:
            return RecognitionFailed(name, "unavailable", retryable=True)
        case _:
            return RecognitionFailed(name, "disconnected", retryable=True)


def _seconds(text: str) -> float | None:
    """Of a Retry-After header; None for a date, or nonsense."""
    return float(text) if text.isdecimal() else None
