"""What an HTTP status says, also that of a refused upgrade to a WebSocket."""

from collections.abc import Mapping
from typing import Final

from services.stt.provider import RecognitionFailed

_SPENT: Final = frozenset(  # the vendors' codes for what is paid for, whatever their status is
    {
        "insufficient_quota",  # OpenAI, 429: platform.openai.com/docs/guides/error-codes
        "blocked_api_access",  # Groq, 400: console.groq.com/docs/spend-limits
        "insufficient_quota_error",  # Sarvam, 429: docs.sarvam.ai, error codes
        "quota_exceeded",  # ElevenLabs, 401: help.elevenlabs.io/hc/en-us/articles/19572237925521
    }
)


def refused(
    provider: str, status: int, headers: Mapping[str, str], code: str = ""
) -> RecognitionFailed:
    """The failure to raise `from None`. `code` is the vendor's own word in the answer's body."""
    kind, retryable = _kind(status, code)
    again_s = retry_after_s(headers) if retryable else None
    return RecognitionFailed(provider, kind, retryable=retryable, retry_after_s=again_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of the `retry-after` header (RFC 9110, 10.2.3); None without one, or for a date."""
    given = next((text for name, text in headers.items() if name.lower() == "retry-after"), "")
    try:
        return max(0.0, float(given))
    except ValueError:
        return None


def _kind(status: int, code: str) -> tuple[str, bool]:
    match status:
        case 402:
            return "quota", False
        case _ if code in _SPENT:
            return "quota", False
        case 401 | 403:
            return "unauthorized", False
        case 408:
            return "timeout", True
        case 429 | 498:  # 498: the capacity of Groq's flex tier
            return "rate_limited", True
        case _ if status >= 500:
            return "unavailable", True
        case _:
            return "refused", False
