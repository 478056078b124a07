"""A row of the table tool_runs. Its columns' comments are in table.sql."""

from typing import Any

import msgspec

from projections.moments import Moment


class ToolRunRow(msgspec.Struct):
    """All columns."""

    tenant: str
    call: str
    invocation: str
    turn: int | None = None
    tool: str = ""
    arguments: dict[str, Any] | None = None
    runs: int = 0
    ok: bool | None = None
    result: dict[str, Any] | None = None
    called_at: Moment | None = None
    returned_at: Moment | None = None
    took_ms: float | None = None
