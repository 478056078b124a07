"""call events -> table daily -> page daily"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, get_args

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
from contracts.recorded import Recorded
from projections.daily.rows import Course, DailyRow
from projections.folding import Rows
from projections.moments import moment
from projections.projection import Projection, Table

_HOUR_MS: Final = 3_600_000

_Course: TypeAlias = (
    LineRang
    | LineAnswered
    | LineEnded
    | CallOpened
    | TransferRequested
    | CallEnded
    | OutcomeRecorded
)
_Talk: TypeAlias = TurnTaken | TurnMisheard | ReplyBegun | PlaybackStarted
_Count: TypeAlias = (
    SpeechStarted
    | LineLost
    | PassagesWanted
    | PassagesFound
    | ReplyFinished
    | DraftDiscarded
    | ReplyInterrupted
    | ToolCalled
    | ToolProposed
    | ToolRefused
    | ToolReturned
)
Read: TypeAlias = _Course | _Talk | _Count


def project(rows: Rows, recorded: Recorded, index: int, event: Read) -> None:
    """What the event adds to the call's hour. Pure."""
    new = rows.find(DailyRow) is None
    row, course = rows.of(DailyRow), rows.of(Course)
    if new:
        row.hour = moment(event.at_ms - event.at_ms % _HOUR_MS)
    _KINDS[type(event)](row, course, event)


def _go_on(row: DailyRow, course: Course, event: _Course) -> None:
    match event:
        case LineRang():
            row.hour = moment(event.at_ms - event.at_ms % _HOUR_MS)
            row.agent, row.revision = event.agent.agent, event.agent.revision
            row.direction = event.direction
        case LineAnswered():
            row.answered, course.answered_ms = 1, event.at_ms
        case CallOpened():
            row.language = event.language
        case TransferRequested():
            row.transfers = 1
            row.transfers_misheard = int(event.reason == "misheard")
        case OutcomeRecorded():
            row.succeeded = int(event.outcome == "success")
            row.failed = int(event.outcome == "failure")
        case LineEnded() | CallEnded():
            _end(row, course, event)


def _talk(row: DailyRow, course: Course, event: _Talk) -> None:
    """The caller waits from the end of a turn to the first sound of the first reply to it."""
    match event:
        case PlaybackStarted():
            waited = course.turns.pop(event.reply, None)
            if waited is not None and event.at_ms >= waited:  # else of two gateways' clocks
                row.wait_ms += event.at_ms - waited
                row.waits += 1
        case TurnTaken() | TurnMisheard():
            if isinstance(event, TurnTaken):
                row.turns += 1
            else:
                row.misheard += 1
            if event.speech_ended_ms:  # not so for keys
                course.speech_ended_ms[event.turn] = event.speech_ended_ms
        case ReplyBegun():
            row.replies += 1
            row.fallbacks += event.kind == "fallback"
            spoken = course.speech_ended_ms.pop(event.turn, None)
            if event.resumes or event.kind == "bridge":  # the answer is another one
                course.speech_ended_ms |= {} if spoken is None else {event.turn: spoken}
            elif spoken is not None:
                course.turns[event.reply] = spoken


def _count(row: DailyRow, course: Course, event: _Count) -> None:
    match event:
        case ReplyFinished() | DraftDiscarded() | ToolProposed() | ToolRefused():
            row.tokens_in += event.tokens_in
            row.tokens_out += event.tokens_out
        case SpeechStarted():
            row.barge_ins += event.over_reply > 0
        case LineLost():
            row.line_losses += not event.planned
        case PassagesWanted():
            row.questions += 1
        case PassagesFound():
            row.unanswered_questions += not event.passages
        case ReplyInterrupted():
            row.interruptions += 1
        case ToolCalled():
            row.tool_runs += 1
            row.tokens_in += event.tokens_in
            row.tokens_out += event.tokens_out
        case ToolReturned():
            row.tool_failures += not event.ok


def _end(row: DailyRow, course: Course, event: LineEnded | CallEnded) -> None:
    """The dialog's own end of the call gives way to the line's, in whichever order they come."""
    by_line = isinstance(event, LineEnded)
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


_KINDS: Final[dict[type[Any], Callable[[DailyRow, Course, Any], None]]] = {
    **dict.fromkeys(get_args(_Course), _go_on),
    **dict.fromkeys(get_args(_Talk), _talk),
    **dict.fromkeys(get_args(_Count), _count),
}

DAILY: Final = Projection(
    name="daily",
    version=3,
    tables=(Table(name="daily", row=DailyRow),),
    reads=frozenset(_KINDS),
    project=project,
)
