"""A row of the table timeline, as far as events make it. Its columns' comments are in table.sql."""

from datetime import datetime
from typing import Any

import msgspec


class TimelineRow(msgspec.Struct):
    """All columns but those the database fills: when the row was written, and how long it took."""

    tenant: str
    call: str
    sequence: int
    index: int
    at: datetime
    offset_ms: int
    lane: str
    type: str
    label: str
    detail: dict[str, Any]
    stored_at: datetime
