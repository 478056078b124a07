"""Which modules are compiled: those that most of a filling process's own time is spent in.

What mypyc takes otherwise than Python does, and so does not belong in one of them:

- a type that lies: what is not of it is refused, and an `int` where a `float` is told becomes one
- `is` between numbers
- a `Final` that somebody sets: its value stands in the code
- a struct that is read from bytes, or that other modules make: mypyc keeps no annotation but a name
- `from None`: the cause is shown all the same, and may hold a caller's words
- a class whose base is not compiled, or an async generator
"""

from typing import Final

MODULES: Final = (
    "contracts.codec",
    "contracts.marked_fields",
    "infra.raw_messages",
    "infra.sealing",
    "infra.stamps",
    "projections.call_fold",
    "projections.calls.project",
    "projections.costs.line",
    "projections.costs.project",
    "projections.costs.rows",
    "projections.costs.speech",
    "projections.daily.project",
    "projections.failures.followed",
    "projections.failures.project",
    "projections.folding",
    "projections.interruptions.causes",
    "projections.interruptions.project",
    "projections.knowledge_use.project",
    "projections.latency.project",
    "projections.latency.stages",
    "projections.line_quality.project",
    "projections.moments",
    "projections.past",
    "projections.rebuild.columns",
    "projections.rebuild.decoding",
    "projections.rebuild.folding",
    "projections.rebuild.gathering",
    "projections.rebuild.packing",
    "projections.rebuild.taking",
    "projections.timeline.labels",
    "projections.timeline.project",
    "projections.tool_runs.project",
    "projections.transcripts.hearing",
    "projections.transcripts.project",
    "projections.turn_times",
    "projections.turns.project",
)
