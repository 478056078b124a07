"""What a vendor's refusal means for the dialog, by its status and the code in its body.

sources  https://platform.openai.com/docs/guides/error-codes  https://console.groq.com/docs/errors
         https://console.groq.com/docs/spend-limits
         https://docs.sarvam.ai/api/getting-started/errors-troubleshooting
         https://docs.ollama.com/api/errors
"""

from collections.abc import Mapping
from typing import Final

from infra.retry_after import retry_after_s
from services.dialog.provider import ModelError

_USED_UP: Final = {
    "blocked_api_access",  # Groq: the limit the account set itself
    "billing_hard_limit_reached",
    "credit_balance_exhausted",
    "insufficient_quota",
    "insufficient_quota_error",  # Sarvam
    "organization_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "project_spend_limit_exceeded",
}


def refused(
    provider: str, status: int, headers: Mapping[str, str], body: object = None
) -> ModelError:
    """The port's error for an HTTP answer that is none. Of the body only the code is looked at."""
    kind, retryable = _kind(status, _codes(body))
    wait_s = retry_after_s(headers) if retryable else None
    return ModelError(provider, kind, retryable=retryable, retry_after_s=wait_s)


def _codes(body: object) -> set[object]:
    """The error's code and type; the SDKs give the body with or without what is around them."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return set()
    return {said for said in (error.get("code"), error.get("type")) if isinstance(said, str)}


def _kind(status: int, codes: set[object]) -> tuple[str, bool]:
    if status == 402 or codes & _USED_UP:
        return "quota", False
    match status:
        case 400 if "tool_use_failed" in codes:
            return "tool_use_failed", True  # Groq: the model wrote no valid call; it may next time
        case 400 if "content_filter" in codes:
            return "filtered", False
        case 401 | 403:
            return "unauthorized", False
        case 408:
            return "timeout", True
        case 429 | 498:  # 498: capacity of Groq's flex tier
            return "rate_limited", True
        case _ if status >= 500:
            return "unavailable", True
        case _:
            return "refused", False
