"""What we remember: tables made from the log. A folder per projection, named like its table."""

from typing import Final

from projections.calls.project import CALLS
from projections.projection import Projection
from projections.timeline.project import TIMELINE
from projections.tool_runs.project import TOOL_RUNS
from projections.turns.project import TURNS

PROJECTIONS: Final[tuple[Projection, ...]] = (CALLS, TURNS, TOOL_RUNS, TIMELINE)
