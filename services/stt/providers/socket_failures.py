"""A WebSocket's failures in the words of the port, and whether a fresh ear may succeed."""

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus

from infra.refusals import codes_of
from services.stt.provider import RecognitionFailed
from services.stt.providers.refusals import refused


def failed(name: str, failure: Exception) -> RecognitionFailed:
    """What to raise `from None` in place of a socket's or an SDK's own failure."""
    match failure:
        case InvalidStatus(response=response):
            return refused(name, response.status_code, response.headers, _codes(response.body))
        case ConnectionClosed(rcvd=close):
            return hung_up(name, close.code if close else 0)
        case TimeoutError():
            return RecognitionFailed(name, "timeout", retryable=True)
        case OSError():
            return RecognitionFailed(name, "unreachable", retryable=True)
        case _:
            return RecognitionFailed(name, "garbled", retryable=True)


def hung_up(name: str, code: int) -> RecognitionFailed:
    """The vendor closed; `code` 0: or the connection broke. RFC 6455, section 7.4.1."""
    match code:
        case 1003 | 1007 | 1008 | 1009:
            return RecognitionFailed(name, "refused", retryable=False)  # what we sent is the fault
        case 1011 | 1012 | 1013:
            return RecognitionFailed(name, "unavailable", retryable=True)
        case _:
            return RecognitionFailed(name, "disconnected", retryable=True)


def _codes(body: bytes | None) -> frozenset[str]:
    try:
        return codes_of(msgspec.json.decode(body or b"null"))
    except ValueError:  # a page for people
        return frozenset()
