"""What a vendor's refusal means, by its HTTP status and the code in its body, in one way for all.

sources  https://platform.openai.com/docs/guides/error-codes  https://console.groq.com/docs/errors
         https://console.groq.com/docs/spend-limits
         https://docs.sarvam.ai/api/getting-started/errors-troubleshooting
         https://docs.ollama.com/api/errors
         https://help.elevenlabs.io/hc/en-us/articles/19572237925521
"""

from collections.abc import Mapping, Set
from typing import Final, TypeVar

from infra.outside import OutsideFailed
from infra.retry_after import retry_after_s

Failed = TypeVar("Failed", bound=OutsideFailed)

_USED_UP: Final = frozenset(
    {
        "blocked_api_access",  # Groq: the limit the account set itself
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "insufficient_quota",
        "insufficient_quota_error",  # Sarvam
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
        "quota_exceeded",  # ElevenLabs: comes as 401, yet the key is good
    }
)


def codes_of(body: object) -> frozenset[str]:
    """The error's code, type and status; SDKs give the body with or without what is around them."""
    if not isinstance(body, Mapping):
        return frozenset()
    error = body.get("error", body.get("detail", body))
    if not isinstance(error, Mapping):
        return frozenset()
    said = (error.get(name) for name in ("code", "type", "status"))
    return frozenset(word for word in said if isinstance(word, str))


def kind_of(status: int, codes: Set[str] = frozenset()) -> tuple[str, bool]:
    """The kind, see infra.outside.OutsideFailed, and whether the same may succeed later."""
    if status == 402 or codes & _USED_UP:
        return "quota", False
    match status:
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


def refused(
    error: type[Failed],
    provider: str,
    status: int,
    headers: Mapping[str, str],
    codes: Set[str] = frozenset(),
) -> Failed:
    """The port's `error` to raise `from None` for an HTTP answer, also to a WebSocket's upgrade.

    `headers`: of the answer, in a case-blind mapping; `codes`: of its body, see codes_of.
    """
    kind, retryable = kind_of(status, codes)
    wait_s = retry_after_s(headers) if retryable else None
    return error(provider, kind, retryable=retryable, retry_after_s=wait_s)
