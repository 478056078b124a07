"""call events -> table timeline -> page calls"""

from typing import Any, Final, get_args

import msgspec

from contracts.passages import PassagesFound
from contracts.recorded import CallEvent, Recorded
from projections.folding import Rows
from projections.moments import moment
from projections.projection import Projection, Table
from projections.timeline.labels import entry
from projections.timeline.rows import TimelineRow

# Columns of their own; in the label; in tool_runs; of no use to somebody who reads.
_SHOWN_ELSEWHERE: Final = ("type", "at_ms", "text", "heard", "question", "result", "voice")


class Began(msgspec.Struct):
    """A note: when the call's first event was, from which the others are counted."""

    tenant: str
    call: str
    at_ms: int | None = None


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """A row for each event. Pure."""
    began = rows.of(Began)
    if began.at_ms is None:
        began.at_ms = event.at_ms
    lane, label = entry(event)
    row = TimelineRow(
        tenant=recorded.tenant,
        call=recorded.call,
        sequence=recorded.sequence,
        index=index,
        at=moment(event.at_ms),
        offset_ms=event.at_ms - began.at_ms,
        lane=lane,
        type=str(event.__struct_config__.tag),
        label=label,
        detail=_detail(event),
        stored_at=moment(recorded.stored_ms),
    )
    rows.add(row, recorded.sequence, index)


def _detail(event: CallEvent) -> dict[str, Any]:
    if isinstance(event, PassagesFound):
        found = [
            {"source": f"{each.document}#{each.chunk}", "score": each.score}
            for each in event.passages
        ]
        return {"turn": event.turn, "passages": found, "took_ms": event.took_ms}
    fields: dict[str, Any] = msgspec.to_builtins(event)
    for name in _SHOWN_ELSEWHERE:
        fields.pop(name, None)
    return fields


TIMELINE: Final = Projection(
    name="timeline",
    version=1,
    tables=(Table(name="timeline", row=TimelineRow, key=4),),
    reads=frozenset(get_args(CallEvent)),
    project=project,
)
