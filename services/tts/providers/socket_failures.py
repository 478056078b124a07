"""A WebSocket's failures in the words of the port."""

from collections.abc import Mapping
from typing import Final

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from services.tts.provider import SynthesisError

BROKEN: Final = (WebSocketException, OSError, ValueError, msgspec.MsgspecError)
"""What a socket raises that cannot be opened, breaks, stalls, or brings nonsense."""


def failed(name: str, failure: Exception) -> SynthesisError:
    """What to raise `from None` in place of one of `BROKEN`."""
    match failure:
        case InvalidStatus(response=response):
            return refused(name, response.status_code, response.headers)
        case ConnectionClosed(rcvd=close):
            return hung_up(name, close.code if close else 0)
        case TimeoutError():
            return SynthesisError(name, "timeout", retryable=True)
        case OSError():
            return SynthesisError(name, "unreachable", retryable=True)
        case _:
            return SynthesisError(name, "garbled", retryable=True)


def refused(name: str, status: int, headers: Mapping[str, str]) -> SynthesisError:
    """An HTTP status instead of a service. `headers`: of the answer, names in any case."""
    kind, retryable = kind_of_status(status)
    after_s = seconds(headers.get("retry-after", "")) if retryable else None
    return SynthesisError(name, kind, retryable=retryable, retry_after_s=after_s)


def kind_of_status(status: int) -> tuple[str, bool]:
    """In the port's words, and whether the same may succeed later."""
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


def hung_up(name: str, code: int) -> SynthesisError:
    """The vendor closed; `code` 0: or the connection broke. RFC 6455, section 7.4.1."""
    match code:
        case 1003 | 1007 | 1008 | 1009:
            return SynthesisError(name, "refused", retryable=False)  # what we sent is the fault
        case 1011 | 1012 | 1013:
            return SynthesisError(name, "unavailable", retryable=True)
        case _:
            return SynthesisError(name, "disconnected", retryable=True)


def seconds(text: str) -> float | None:
    """Of a Retry-After header; None for a date, or nonsense."""
    return float(text) if text.isdecimal() else None
