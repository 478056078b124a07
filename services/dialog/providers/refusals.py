"""What a vendor's refusal means for the dialog, by its status and the code in its body."""

from collections.abc import Mapping

from infra import refusals
from infra.refusals import codes_of
from services.dialog.provider import ModelError


def refused(
    provider: str, status: int, headers: Mapping[str, str], body: object = None
) -> ModelError:
    """The port's error for an HTTP answer that is none. Of the body only the code is looked at."""
    codes = codes_of(body)
    if status == 400 and "tool_use_failed" in codes:  # Groq: no valid call; it may be next time
        return ModelError(provider, "tool_use_failed", retryable=True)
    if status == 400 and "content_filter" in codes:
        return ModelError(provider, "filtered", retryable=False)
    return refusals.refused(ModelError, provider, status, headers, codes)
