"""What we remember: tables made from the log. A folder per projection, named like its table."""

from typing import Final

from projections.calls.project import CALLS
from projections.costs.project import COSTS
from projections.daily.project import DAILY
from projections.failures.project import FAILURES
from projections.interruptions.project import INTERRUPTIONS
from projections.knowledge_use.project import KNOWLEDGE_USE
from projections.latency.project import LATENCY
from projections.line_quality.project import LINE_QUALITY
from projections.projection import Projection
from projections.timeline.project import TIMELINE
from projections.tool_runs.project import TOOL_RUNS
from projections.transcripts.project import TRANSCRIPTS
from projections.turns.project import TURNS

PROJECTIONS: Final[tuple[Projection, ...]] = (
    CALLS,
    TURNS,
    TRANSCRIPTS,
    TOOL_RUNS,
    TIMELINE,
    LATENCY,
    KNOWLEDGE_USE,
    INTERRUPTIONS,
    LINE_QUALITY,
    FAILURES,
    COSTS,
    DAILY,
)
