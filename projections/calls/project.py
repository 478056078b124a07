"""call events -> table calls -> page calls"""

from typing import Any, Final

from contracts.dialog import (
    CallEnded,
    CallOpened,
    PhaseEntered,
    ReplyBegun,
    ReplyInterrupted,
    ToolCalled,
    TransferRequested,
    TurnMisheard,
    TurnTaken,
)
from contracts.line import CarrierReported, LineAnswered, LineEnded, LineRang
from contracts.recorded import CallEvent, Recorded
from projections.projection import Projection
from projections.write import Write, moment, upsert

_COUNTED: Final = ("turns", "misheard", "replies", "interruptions", "tool_runs")
_NEWER_REPORT: Final = "new.carrier_report >= coalesce(calls.carrier_report, 0)"
_MERGE: Final = {
    **{column: f"calls.{column} + new.{column}" for column in _COUNTED},
    "state": "CASE calls.state WHEN 'ended' THEN 'ended' ELSE new.state END",
    "carrier_status": (
        f"CASE WHEN {_NEWER_REPORT} THEN new.carrier_status ELSE calls.carrier_status END"
    ),
    "carrier_report": "greatest(calls.carrier_report, new.carrier_report)",
}
# The dialog's own end of the call gives way to the line's, in whichever order they come.
_MERGE_CALL_ENDED: Final = {
    "ended_at": "coalesce(calls.ended_at, new.ended_at)",
    "end_reason": "coalesce(calls.end_reason, new.end_reason)",
}


def project(recorded: Recorded) -> list[Write]:
    """The columns each event sets in its call's row. Pure."""
    return [write for _, event in recorded.events() for write in _writes(recorded, event)]


def _writes(recorded: Recorded, event: CallEvent) -> list[Write]:
    def row(merge: dict[str, str] = _MERGE, **columns: Any) -> list[Write]:
        key = {"tenant": recorded.tenant, "call": recorded.call}
        return [upsert("calls", key, columns, merge)]

    at = moment(event.at_ms)
    match event:
        case LineRang():
            return row(
                rang_at=at,
                carrier=event.carrier,
                carrier_call=event.carrier_call,
                direction=event.direction,
                caller=event.caller,
                called=event.called,
                agent=event.agent.agent,
                revision=event.agent.revision,
            )
        case LineAnswered():
            return row(answered_at=at, state="live")
        case CallOpened():
            return row(language=event.language)
        case PhaseEntered():
            return row(phase=event.phase)
        case TurnTaken():
            return row(turns=1)
        case TurnMisheard():
            return row(misheard=1)
        case ReplyBegun():
            return row(replies=1)
        case ReplyInterrupted():
            return row(interruptions=1)
        case ToolCalled():
            return row(tool_runs=1)
        case TransferRequested():
            return row(transferred_to=event.to)
        case CarrierReported():
            return row(carrier_status=event.status, carrier_report=event.sequence)
        case LineEnded():
            return row(
                state="ended",
                ended_at=at,
                end_reason=event.reason,
                frames=event.frames,
                late_frames=event.late_frames,
            )
        case CallEnded():
            return row(
                _MERGE_CALL_ENDED,
                state="ended",
                ended_at=at,
                end_reason=event.reason,
                phase=event.phase,
            )
        case _:
            return []


CALLS: Final = Projection(name="calls", version=1, tables=("calls",), project=project)
