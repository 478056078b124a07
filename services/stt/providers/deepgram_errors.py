"""Deepgram's failures in the words of the port, and whether a fresh ear may succeed."""

from typing import Final

from deepgram.core.api_error import ApiError
from websockets.exceptions import ConnectionClosed

from services.stt.provider import RecognitionFailed

NAME: Final = "deepgram"


def failed(failure: Exception) -> RecognitionFailed:
    """What to raise `from None` in place of the SDK's own failure."""
    kind, retryable = _kind(failure)
    return RecognitionFailed(NAME, kind, retryable=retryable)


def _kind(failure: Exception) -> tuple[str, bool]:
    match failure:
        case ApiError(status_code=status):
            return _kind_of_status(status or 0)
        case ConnectionClosed(rcvd=close):
            return _kind_of_close(close.code if close else 0)
        case TimeoutError():
            return "timeout", True
        case OSError():
            return "unreachable", True
        case _:
            return "garbled", True


def _kind_of_status(status: int) -> tuple[str, bool]:
    """Of the refused upgrade."""
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


def _kind_of_close(code: int) -> tuple[str, bool]:
    """https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors"""
    match code:
        case 1008:
            return "refused", False  # DATA-0000: what we sent is no audio to it
        case 1011:
            return "unavailable", True  # NET-0000 internal, NET-0001 nothing sent for 10 s
        case _:
            return "disconnected", True
