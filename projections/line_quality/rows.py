"""A row of line_quality, as far as events make it. Its columns' comments are in table.sql."""

import msgspec

from projections.moments import Moment


class StintRow(msgspec.Struct):
    """All columns but the generated ones."""

    tenant: str
    call: str
    stint: int
    gateway: str = ""
    began_at: Moment | None = None
    ended_at: Moment | None = None
    lost: bool = False
    planned: bool = False
    unbroken: bool = False
    reason: str | None = None
    reply: int | None = None
    back_at: Moment | None = None
    frames: int | None = None
    late_frames: int | None = None
    dropped_messages: int | None = None
