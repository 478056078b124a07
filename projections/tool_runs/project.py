"""tool events -> table tool_runs -> page calls"""

from typing import Final, TypeAlias, get_args

from contracts.dialog import ToolCalled, ToolReturned
from contracts.recorded import Recorded
from projections.folding import Rows
from projections.moments import moment
from projections.projection import Projection, Table
from projections.tool_runs.rows import ToolRunRow

Read: TypeAlias = ToolCalled | ToolReturned


def project(rows: Rows, recorded: Recorded, index: int, event: Read) -> None:
    """The row of a tool's use, begun by ToolCalled and completed by ToolReturned. Pure."""
    row = rows.of(ToolRunRow, event.invocation)
    row.tool = event.tool
    match event:
        case ToolCalled():
            row.turn, row.arguments = event.turn, event.arguments
            row.runs += 1
            row.called_at = row.called_at or moment(event.at_ms)
        case ToolReturned():
            row.ok, row.result = event.ok, event.result
            row.returned_at, row.took_ms = moment(event.at_ms), event.took_ms


TOOL_RUNS: Final = Projection(
    name="tool_runs",
    version=1,
    tables=(Table(name="tool_runs", row=ToolRunRow, key=3),),
    reads=frozenset(get_args(Read)),
    project=project,
    passing=frozenset((ToolRunRow,)),
)
