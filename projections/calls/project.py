"""call events -> table calls -> page calls"""

from collections.abc import Callable
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
from contracts.outcome import OutcomeRecorded
from contracts.recorded import CallEvent, Recorded
from contracts.transcript import TranscriptFinalized
from projections.calls.rows import CallRow
from projections.folding import Rows
from projections.moments import moment
from projections.projection import Projection, Table


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """What the event says about its call. Pure."""
    _TELL[type(event)](rows.of(CallRow), event)


def _ring(row: CallRow, event: LineRang) -> None:
    row.rang_at = moment(event.at_ms)
    row.carrier, row.carrier_call = event.carrier, event.carrier_call
    row.direction, row.caller, row.called = event.direction, event.caller, event.called
    row.agent, row.revision = event.agent.agent, event.agent.revision


def _answer(row: CallRow, event: LineAnswered) -> None:
    row.answered_at = moment(event.at_ms)
    if row.state != "ended":
        row.state = "live"


def _report(row: CallRow, event: CarrierReported) -> None:
    if event.sequence >= (row.carrier_report or 0):  # else it comes late
        row.carrier_report, row.carrier_status = event.sequence, event.status


def _open(row: CallRow, event: CallOpened) -> None:
    row.language = event.language
    row.languages = list(dict.fromkeys((event.language, *row.languages)))


def _enter(row: CallRow, event: PhaseEntered) -> None:
    row.phase = event.phase


def _transcribe(row: CallRow, event: TranscriptFinalized) -> None:
    if event.language and event.language not in row.languages:
        row.languages.append(event.language)


def _take(row: CallRow, event: TurnTaken) -> None:
    row.turns += 1


def _mishear(row: CallRow, event: TurnMisheard) -> None:
    row.misheard += 1


def _begin(row: CallRow, event: ReplyBegun) -> None:
    row.replies += 1


def _interrupt(row: CallRow, event: ReplyInterrupted) -> None:
    row.interruptions += 1


def _run(row: CallRow, event: ToolCalled) -> None:
    row.tool_runs += 1


def _transfer(row: CallRow, event: TransferRequested) -> None:
    row.transferred_to = event.to


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


def _judge(row: CallRow, event: OutcomeRecorded) -> None:
    row.outcome, row.summary = event.outcome, event.summary


_TELL: Final[dict[type[Any], Callable[[CallRow, Any], None]]] = {
    LineRang: _ring,
    LineAnswered: _answer,
    CarrierReported: _report,
    LineEnded: _end,
    CallOpened: _open,
    PhaseEntered: _enter,
    TranscriptFinalized: _transcribe,
    TurnTaken: _take,
    TurnMisheard: _mishear,
    ReplyBegun: _begin,
    ReplyInterrupted: _interrupt,
    ToolCalled: _run,
    TransferRequested: _transfer,
    CallEnded: _end,
    OutcomeRecorded: _judge,
}

CALLS: Final = Projection(
    name="calls",
    version=1,
    tables=(Table(name="calls", row=CallRow),),
    reads=frozenset(_TELL),
    project=project,
)
