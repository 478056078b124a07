"""What a vendor's refusal over HTTP means, by its status and the code in its body.

sources  https://platform.openai.com/docs/guides/error-codes  https://console.groq.com/docs/errors
         https://docs.sarvam.ai/api/getting-started/errors-troubleshooting
"""

from collections.abc import Mapping
from typing import Final

from infra.retry_after import retry_after_s
from services.tts.provider import SynthesisError

_USED_UP: Final = {
    "billing_hard_limit_reached",
    "blocked_api_access",  # Groq: the limit the account set itself
    "insufficient_quota",
    "insufficient_quota_error",  # Sarvam
}


def refused(
    provider: str, status: int, headers: Mapping[str, str], body: object = None
) -> SynthesisError:
    """The port's error for an answer that is no sound. Of the body only the code is looked at."""
    kind, retryable = ("quota", False) if _codes(body) & _USED_UP else _kind(status)
    wait_s = retry_after_s(headers) if retryable else None
    return SynthesisError(provider, kind, retryable=retryable, retry_after_s=wait_s)


def _codes(body: object) -> set[object]:
    """The error's code and type; the SDKs give the body with or without what is around them."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return set()
    return {said for said in (error.get("code"), error.get("type")) if isinstance(said, str)}


def _kind(status: int) -> tuple[str, bool]:
    match status:
        case 401 | 403:
            return "unauthorized", False
        case 402:
            return "quota", False
        case 408:
            return "timeout", True
        case 429 | 498:  # 498: capacity of Groq's flex tier
            return "rate_limited", True
        case _ if status >= 500:
            return "unavailable", True
        case _:
            return "refused", False
