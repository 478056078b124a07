"""A WebSocket's failures in the words of infra.outside, and whether a fresh one may succeed."""

from typing import Final, TypeVar

import msgspec
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)

from infra.outside import OutsideFailed
from infra.refusals import codes_of, refused

BROKEN: Final = (WebSocketException, OSError, ValueError, msgspec.MsgspecError)
"""What a socket raises that cannot be opened, breaks, stalls, or brings nonsense."""

Failed = TypeVar("Failed", bound=OutsideFailed)


def failed(error: type[Failed], name: str, failure: Exception) -> Failed:
    """The port's `error` to raise `from None` in place of one of `BROKEN`."""
    match failure:
        case InvalidStatus(response=response):
            codes = _codes(response.body)
            return refused(error, name, response.status_code, response.headers, codes)
        case ConnectionClosed(rcvd=close):
            return hung_up(error, name, close.code if close else 0)
        case InvalidMessage():  # no answer at all to the request
            return error(name, "disconnected", retryable=True)
        case TimeoutError():
            return error(name, "timeout", retryable=True)
        case OSError():
            return error(name, "unreachable", retryable=True)
        case _:
            return error(name, "garbled", retryable=True)


def hung_up(error: type[Failed], name: str, code: int) -> Failed:
    """The vendor closed; `code` 0: or the connection broke. RFC 6455, section 7.4.1."""
    match code:
        case 1003 | 1007 | 1008 | 1009:
            return error(name, "refused", retryable=False)  # what we sent is the fault
        case 1011 | 1012 | 1013:
            return error(name, "unavailable", retryable=True)
        case _:
            return error(name, "disconnected", retryable=True)


def _codes(body: bytes | None) -> frozenset[str]:
    try:
        return codes_of(msgspec.json.decode(body or b"null"))
    except ValueError:  # a page for people
        return frozenset()
