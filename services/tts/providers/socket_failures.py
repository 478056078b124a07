"""A WebSocket's failures in the words of the port."""

from typing import Final

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from services.tts.provider import SynthesisError
from services.tts.providers.refusals import refused

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


def hung_up(name: str, code: int) -> SynthesisError:
    """The vendor closed; `code` 0: or the connection broke. RFC 6455, section 7.4.1."""
    match code:
        case 1003 | 1007 | 1008 | 1009:
            return SynthesisError(name, "refused", retryable=False)  # what we sent is the fault
        case 1011 | 1012 | 1013:
            return SynthesisError(name, "unavailable", retryable=True)
        case _:
            return SynthesisError(name, "disconnected", retryable=True)
