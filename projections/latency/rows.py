"""A row of the table latency, as far as events make it. Its columns' comments are in table.sql."""

import msgspec

from projections.moments import Moment


class LatencyRow(msgspec.Struct):
    """All columns but the generated one. Made when both ends of the stage are known."""

    tenant: str
    call: str
    turn: int
    stage: str
    place: int = 0
    is_part: bool = False
    reply: int | None = None
    provider: str | None = None
    cached: bool | None = None
    started_at: Moment | None = None
    started_clock: str = ""
    ended_at: Moment | None = None
    ended_clock: str = ""
