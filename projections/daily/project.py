"""call events -> table daily -> page daily"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from contracts.dialog import (
    CallEnded,
    CallOpened,
    DraftDiscarded,
    PassagesWanted,
    ReplyBegun,
    ReplyFinished,
    ReplyInterrupted,
    ToolCalled,
    ToolProposed,
    ToolRefused,
    ToolReturned,
    TransferRequested,
    TurnMisheard,
    TurnTaken,
)
from contracts.line import (
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    PlaybackStarted,
    SpeechStarted,
)
from contracts.outcome import OutcomeRecorded
from contracts.passages import PassagesFound
from contracts.recorded import CallEvent, Recorded
from projections.daily.rows import Course, DailyRow
from projections.folding import Rows
from projections.moments import Moment, moment
from projections.projection import Projection, Table

_HOUR_MS: Final = 3_600_000

_Paid: TypeAlias = ReplyFinished | DraftDiscarded | ToolProposed | ToolRefused | ToolCalled


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """What the event adds to the call's hour. Pure."""
    new = rows.find(DailyRow) is None
    row = rows.of(DailyRow)
    if new:
        row.hour = _hour(event.at_ms)
    _ADD[type(event)](rows, row, event)


def _hour(at_ms: int) -> Moment:
    return moment(at_ms - at_ms % _HOUR_MS)


def _ring(rows: Rows, row: DailyRow, event: LineRang) -> None:
    row.hour, row.direction = _hour(event.at_ms), event.direction
    row.agent, row.revision = event.agent.agent, event.agent.revision


def _answer(rows: Rows, row: DailyRow, event: LineAnswered) -> None:
    row.answered, rows.of(Course).answered_ms = 1, event.at_ms


def _open(rows: Rows, row: DailyRow, event: CallOpened) -> None:
    row.language = event.language


def _speak(rows: Rows, row: DailyRow, event: SpeechStarted) -> None:
    row.barge_ins += event.over_reply > 0


def _take(rows: Rows, row: DailyRow, event: TurnTaken) -> None:
    row.turns += 1
    _wait(rows, event)


def _mishear(rows: Rows, row: DailyRow, event: TurnMisheard) -> None:
    row.misheard += 1
    _wait(rows, event)


def _wait(rows: Rows, event: TurnTaken | TurnMisheard) -> None:
    """The caller waits from the end of a turn to the first sound of the first reply to it."""
    if event.speech_ended_ms:  # not so for keys
        rows.of(Course).speech_ended_ms[event.turn] = event.speech_ended_ms


def _begin(rows: Rows, row: DailyRow, event: ReplyBegun) -> None:
    row.replies += 1
    row.fallbacks += event.kind == "fallback"
    if event.resumes or event.kind == "bridge":  # the answer is another one
        return
    course = rows.of(Course)
    spoken = course.speech_ended_ms.pop(event.turn, None)
    if spoken is not None:
        course.turns[event.reply] = spoken


def _play(rows: Rows, row: DailyRow, event: PlaybackStarted) -> None:
    waited = rows.of(Course).turns.pop(event.reply, None)
    if waited is not None and event.at_ms >= waited:  # else of two gateways' clocks
        row.wait_ms += event.at_ms - waited
        row.waits += 1


def _interrupt(rows: Rows, row: DailyRow, event: ReplyInterrupted) -> None:
    row.interruptions += 1


def _ask(rows: Rows, row: DailyRow, event: PassagesWanted) -> None:
    row.questions += 1


def _find(rows: Rows, row: DailyRow, event: PassagesFound) -> None:
    row.unanswered_questions += not event.passages


def _pay(rows: Rows, row: DailyRow, event: _Paid) -> None:
    row.tokens_in += event.tokens_in
    row.tokens_out += event.tokens_out


def _run(rows: Rows, row: DailyRow, event: ToolCalled) -> None:
    row.tool_runs += 1
    _pay(rows, row, event)


def _return(rows: Rows, row: DailyRow, event: ToolReturned) -> None:
    row.tool_failures += not event.ok


def _transfer(rows: Rows, row: DailyRow, event: TransferRequested) -> None:
    row.transfers = 1
    row.transfers_misheard = int(event.reason == "misheard")


def _lose(rows: Rows, row: DailyRow, event: LineLost) -> None:
    row.line_losses += not event.planned


def _end(rows: Rows, row: DailyRow, event: LineEnded | CallEnded) -> None:
    """The dialog's own end of the call gives way to the line's, in whichever order they come."""
    course, by_line = rows.of(Course), isinstance(event, LineEnded)
    if course.by_line and not by_line:
        return
    if course.end:
        setattr(row, course.end, 0)
    course.by_line, course.end = by_line, f"end_{event.reason}"
    if course.end not in DailyRow.__struct_fields__:
        course.end = "end_other"
    setattr(row, course.end, 1)
    row.ended = 1
    if course.answered_ms is not None:
        row.duration_ms = max(0, event.at_ms - course.answered_ms)


def _judge(rows: Rows, row: DailyRow, event: OutcomeRecorded) -> None:
    row.succeeded = int(event.outcome == "success")
    row.failed = int(event.outcome == "failure")


_ADD: Final[dict[type[Any], Callable[[Rows, DailyRow, Any], None]]] = {
    LineRang: _ring,
    LineAnswered: _answer,
    LineLost: _lose,
    LineEnded: _end,
    SpeechStarted: _speak,
    PlaybackStarted: _play,
    CallOpened: _open,
    TurnTaken: _take,
    TurnMisheard: _mishear,
    PassagesWanted: _ask,
    PassagesFound: _find,
    ReplyBegun: _begin,
    ReplyFinished: _pay,
    ReplyInterrupted: _interrupt,
    DraftDiscarded: _pay,
    ToolProposed: _pay,
    ToolRefused: _pay,
    ToolCalled: _run,
    ToolReturned: _return,
    TransferRequested: _transfer,
    CallEnded: _end,
    OutcomeRecorded: _judge,
}

DAILY: Final = Projection(
    name="daily",
    version=3,
    tables=(Table(name="daily", row=DailyRow),),
    reads=frozenset(_ADD),
    project=project,
)
