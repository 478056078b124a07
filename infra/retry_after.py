"""When a vendor that refuses for now says to come back."""

import email.utils
import math
import time
from collections.abc import Mapping


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the answer's `retry-after`; None: it says nothing of use.

    `headers`: of any case-blind mapping, as HTTP clients give them. OpenAI says it in
    milliseconds, too, in `retry-after-ms`. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1_000
    said = headers.get("retry-after")
    seconds = _number(said)
    return seconds if seconds is not None else _until(said)


def _number(said: str | None) -> float | None:
    try:
        number = float(said or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(said: str | None) -> float | None:
    """Seconds until an HTTP date."""
    try:
        date = email.utils.parsedate_to_datetime(said or "")
    except ValueError:
        return None
    return max(date.timestamp() - time.time(), 0.0)
