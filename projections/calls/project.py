"""call events -> table calls -> page calls"""

from typing import Final, TypeAlias, get_args

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
from contracts.outcome import OutcomeRecorded
from contracts.recorded import Recorded
from contracts.transcript import TranscriptFinalized
from projections.calls.rows import CallRow
from projections.folding import Rows
from projections.moments import moment
from projections.projection import Projection, Table

Read: TypeAlias = (
    LineRang
    | LineAnswered
    | CarrierReported
    | LineEnded
    | CallOpened
    | PhaseEntered
    | TurnTaken
    | TurnMisheard
    | ReplyBegun
    | ReplyInterrupted
    | ToolCalled
    | TransferRequested
    | TranscriptFinalized
    | CallEnded
    | OutcomeRecorded
)


def project(rows: Rows, recorded: Recorded, index: int, event: Read) -> None:
    """What the event says about its call. Pure."""
    row = rows.of(CallRow)
    match event:
        case ReplyBegun():
            row.replies += 1
        case TurnTaken():
            row.turns += 1
        case TranscriptFinalized():
            if event.language and event.language not in row.languages:
                row.languages.append(event.language)
        case CarrierReported():
            if event.sequence >= (row.carrier_report or 0):  # else it comes late
                row.carrier_report, row.carrier_status = event.sequence, event.status
        case PhaseEntered():
            row.phase = event.phase
        case LineRang():
            _ring(row, event)
        case LineAnswered():
            row.answered_at = moment(event.at_ms)
            if row.state != "ended":
                row.state = "live"
        case CallOpened():
            row.language = event.language
            row.languages = list(dict.fromkeys((event.language, *row.languages)))
        case TurnMisheard():
            row.misheard += 1
        case ReplyInterrupted():
            row.interruptions += 1
        case ToolCalled():
            row.tool_runs += 1
        case TransferRequested():
            row.transferred_to = event.to
        case LineEnded() | CallEnded():
            _end(row, event)
        case OutcomeRecorded():
            row.outcome, row.summary = event.outcome, event.summary


def _ring(row: CallRow, event: LineRang) -> None:
    row.rang_at = moment(event.at_ms)
    row.carrier, row.carrier_call = event.carrier, event.carrier_call
    row.direction, row.caller, row.called = event.direction, event.caller, event.called
    row.agent, row.revision = event.agent.agent, event.agent.revision


def _end(row: CallRow, event: LineEnded | CallEnded) -> None:
    """The dialog's own end of the call gives way to the line's, in whichever order they come."""
    row.state = "ended"
    at = moment(event.at_ms)
    if isinstance(event, LineEnded):
        row.ended_at, row.end_reason = at, event.reason
        row.frames, row.late_frames = event.frames, event.late_frames
    else:
        row.ended_at, row.end_reason = row.ended_at or at, row.end_reason or event.reason
        row.phase = event.phase


CALLS: Final = Projection(
    name="calls",
    version=1,
    tables=(Table(name="calls", row=CallRow),),
    reads=frozenset(get_args(Read)),
    project=project,
)
