"""What a vendor's refusal means for the dialog, by its status and the code in its body."""

from collections.abc import Mapping

from infra.refusals import codes_of, kind_of
from infra.retry_after import retry_after_s
from services.dialog.provider import ModelError


def refused(
    provider: str, status: int, headers: Mapping[str, str], body: object = None
) -> ModelError:
    """The port's error for an HTTP answer that is none. Of the body only the code is looked at."""
    kind, retryable = _kind(status, body)
    wait_s = retry_after_s(headers) if retryable else None
    return ModelError(provider, kind, retryable=retryable, retry_after_s=wait_s)


def _kind(status: int, body: object) -> tuple[str, bool]:
    codes = codes_of(body)
    if status == 400 and "tool_use_failed" in codes:
        return "tool_use_failed", True  # Groq: the model wrote no valid call; it may next time
    if status == 400 and "content_filter" in codes:
        return "filtered", False
    return kind_of(status, codes)
