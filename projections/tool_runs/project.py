"""tool events -> table tool_runs -> page calls"""

from typing import Final

from contracts.dialog import ToolCalled, ToolReturned
from contracts.recorded import CallEvent, Recorded
from projections.projection import Projection
from projections.write import Write, moment, upsert

_MERGE: Final = {
    "runs": "tool_runs.runs + new.runs",
    "called_at": "coalesce(tool_runs.called_at, new.called_at)",
}


def project(recorded: Recorded) -> list[Write]:
    """The row of a tool's use, begun by ToolCalled and completed by ToolReturned. Pure."""
    return [write for _, event in recorded.events() for write in _writes(recorded, event)]


def _writes(recorded: Recorded, event: CallEvent) -> list[Write]:
    key = {"tenant": recorded.tenant, "call": recorded.call}
    match event:
        case ToolCalled():
            columns = {
                "turn": event.turn,
                "tool": event.tool,
                "arguments": event.arguments,
                "runs": 1,
                "called_at": moment(event.at_ms),
            }
        case ToolReturned():
            columns = {
                "tool": event.tool,
                "ok": event.ok,
                "result": event.result,
                "returned_at": moment(event.at_ms),
                "took_ms": event.took_ms,
            }
        case _:
            return []
    return [upsert("tool_runs", {**key, "invocation": event.invocation}, columns, _MERGE)]


TOOL_RUNS: Final = Projection(name="tool_runs", version=1, tables=("tool_runs",), project=project)
