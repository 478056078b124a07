"""A row of the table calls, as far as events make it. Its columns' comments are in table.sql."""

import msgspec

from projections.moments import Moment


class CallRow(msgspec.Struct):
    """All columns but the generated one."""

    tenant: str
    call: str
    state: str = "ringing"
    carrier: str | None = None
    carrier_call: str | None = None
    direction: str | None = None
    caller: str | None = None
    called: str | None = None
    agent: str | None = None
    revision: int | None = None
    language: str | None = None
    languages: list[str] = []
    rang_at: Moment | None = None
    answered_at: Moment | None = None
    ended_at: Moment | None = None
    end_reason: str | None = None
    phase: str | None = None
    turns: int = 0
    misheard: int = 0
    replies: int = 0
    interruptions: int = 0
    tool_runs: int = 0
    transferred_to: str | None = None
    carrier_status: str | None = None
    carrier_report: int | None = None
    frames: int | None = None
    late_frames: int | None = None
    outcome: str | None = None
    summary: str | None = None
