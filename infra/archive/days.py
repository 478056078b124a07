"""Which day a call belongs to: the UTC day of its ring, as its id tells."""

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from contracts.ids import CallId

_TIME_ORDERED: Final = 7


def ring_day(call: CallId) -> date | None:
    """The day by the clock of the gateway that named it; None where the id is no UUIDv7."""
    try:
        number = UUID(call)
        if number.version != _TIME_ORDERED or str(number) != call:
            return None
        return datetime.fromtimestamp((number.int >> 80) / 1000, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None


def stored_day(stored: str) -> date:
    """The day of a message by the server's clock. `stored`: RFC 3339 in UTC."""
    return date.fromisoformat(stored[:10])
