"""Times as PostgreSQL takes them."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)  # many rows ask for the time of the same event
def moment(unix_ms: float) -> datetime:
    """UNIX time in milliseconds as a timestamptz."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC)
