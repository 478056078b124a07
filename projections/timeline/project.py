"""call events -> table timeline -> page calls"""

from typing import Any, Final

import msgspec

from contracts.passages import PassagesFound
from contracts.recorded import CallEvent, Recorded
from projections.projection import Projection
from projections.timeline.labels import entry
from projections.write import Write, moment

_ROW: Final = (
    "INSERT INTO timeline"
    " (tenant, call, sequence, index, at, lane, type, label, detail, stored_at, offset_ms)"
    " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
    " coalesce(round(extract(epoch FROM $5 - (SELECT at - offset_ms * interval '1 millisecond'"
    " FROM timeline WHERE tenant = $1 AND call = $2 ORDER BY sequence, index LIMIT 1)) * 1000), 0)"
)
_SHOWN_ELSEWHERE: Final = frozenset(
    # columns of their own; in the label; in tool_runs; of no use to somebody who reads
    {"type", "at_ms", "text", "heard", "question", "result", "voice"}
)


def project(recorded: Recorded) -> list[Write]:
    """A row for each event. Pure."""
    return [_row(recorded, index, event) for index, event in recorded.events()]


def _row(recorded: Recorded, index: int, event: CallEvent) -> Write:
    lane, label = entry(event)
    place = (recorded.tenant, recorded.call, recorded.sequence, index, moment(event.at_ms))
    type_ = event.__struct_config__.tag
    return Write(_ROW, (*place, lane, type_, label, _detail(event), moment(recorded.stored_ms)))


def _detail(event: CallEvent) -> dict[str, Any]:
    if isinstance(event, PassagesFound):
        found = [
            {"source": f"{each.document}#{each.chunk}", "score": each.score}
            for each in event.passages
        ]
        return {"turn": event.turn, "passages": found, "took_ms": event.took_ms}
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in fields.items() if name not in _SHOWN_ELSEWHERE}


TIMELINE: Final = Projection(name="timeline", version=1, tables=("timeline",), project=project)
