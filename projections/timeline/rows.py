"""A row of the table timeline, as far as events make it. Its columns' comments are in table.sql."""

import msgspec

from projections.moments import Moment


class TimelineRow(msgspec.Struct):
    """All columns but those the database fills: when the row was written, and how long it took."""

    tenant: str
    call: str
    sequence: int
    index: int
    at: Moment
    offset_ms: int
    lane: str
    type: str
    label: str
    detail: msgspec.Raw  # JSON
    stored_at: Moment
