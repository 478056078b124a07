"""Times as PostgreSQL takes them."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)  # many rows ask for the time of the same event
def moment(unix_ms: float) -> datetime:
    """UNIX time in milliseconds as a timestamptz."""
    return _EPOCH + timedelta(milliseconds=unix_ms)
