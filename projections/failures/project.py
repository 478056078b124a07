"""call events -> table failures -> page failures"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from contracts.dialog import (
    CallEnded,
    ModelFailed,
    ModelFinished,
    ModelSwitched,
    PassagesTaken,
    ReplyBegun,
    ReplyFinished,
    ReplyInterrupted,
    SentenceWritten,
    ToolCalled,
    ToolRefused,
    ToolReturned,
    TurnMisheard,
    TurnTaken,
)
from contracts.line import LineEnded, LineLost, LineResumed, PlaybackCleared, PlaybackFinished
from contracts.passages import PassagesFailed
from contracts.recorded import CallEvent, Recorded
from contracts.synthesis import SynthesisDropped, SynthesisFailed, VoiceSwitched
from contracts.transcript import RecogniserSwitched, UtteranceMisheard
from projections.failures import followed
from projections.failures.rows import FailureRow, Key, Reply, Talk, Use, Utterance
from projections.folding import Rows
from projections.moments import moment
from projections.projection import Projection, Table

_Switch: TypeAlias = RecogniserSwitched | ModelSwitched | VoiceSwitched

_BROKEN: Final = ("media_lost", "line_lost", "bus_lost")  # ends of a call that nobody wanted


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """What the event says went wrong, or what followed on it. Pure."""
    follow = _FOLLOW.get(type(event))
    if follow is not None:
        follow(rows, event)
    elif type(event) is ReplyFinished:
        _finish(rows, recorded, index, event)
    else:
        _BREAK[type(event)](rows, (recorded.sequence, index), event)


def _finish(rows: Rows, recorded: Recorded, index: int, event: ReplyFinished) -> None:
    if recorded.message.decision is not None:
        _see_model(rows, recorded, index, event, recorded.message.decision.cause)
    followed.finish(rows, event)


def _mishear(rows: Rows, place: Key, event: UtteranceMisheard) -> None:
    row = _row(rows, place, event.at_ms, "stt", event.reason)
    row.provider = event.provider or None
    rows.of(Utterance, event.utterance).failure = place


def _fail_to_find(rows: Rows, place: Key, event: PassagesFailed) -> None:
    _unfound(rows, place, event, event.kind)


def _take(rows: Rows, place: Key, event: PassagesTaken) -> None:
    if event.late:
        _unfound(rows, place, event, "late")


def _fail_to_speak(rows: Rows, place: Key, event: SynthesisFailed) -> None:
    _unspoken(rows, place, event, event.kind).provider = event.provider


def _drop(rows: Rows, place: Key, event: SynthesisDropped) -> None:
    talk = rows.of(Talk)
    if event.reply > talk.given_up and not talk.over:
        _unspoken(rows, place, event, "dropped")


def _return(rows: Rows, place: Key, event: ToolReturned) -> None:
    if not event.ok:
        row = _tool(rows, place, event, "unsure" if event.unsure else "failed")
        use = rows.find(Use, event.invocation)
        row.turn = use.turn if use else None


def _refuse(rows: Rows, place: Key, event: ToolRefused) -> None:
    _tool(rows, place, event, "refused")


def _lose(rows: Rows, place: Key, event: LineLost) -> None:
    if not event.planned:
        _broken(rows, place, event).reply = event.reply or None


def _use(rows: Rows, event: ToolCalled) -> None:
    rows.of(Use, event.invocation).turn = event.turn


def _switch(rows: Rows, place: Key, event: _Switch) -> None:
    """A provider failed, and another did its work: the caller got what was asked for."""
    stage = {RecogniserSwitched: "stt", ModelSwitched: "llm", VoiceSwitched: "tts"}[type(event)]
    row = _row(rows, place, event.at_ms, stage, event.kind)
    row.provider, row.followed = event.from_provider, "switched"
    if not isinstance(event, RecogniserSwitched):
        row.reply, row.turn = event.reply, followed.turn_of(rows, event.reply)


def _give_up(rows: Rows, place: Key, event: TurnMisheard) -> None:
    """The turn that an utterance has become; the recogniser's own word of it came before."""
    followed.overtake(rows, event)
    known = rows.find(Utterance, event.utterance)
    if known is not None and known.failure is not None:
        row = rows.at(FailureRow, known.failure)
    else:
        row = _row(rows, place, event.at_ms, "stt", "misheard")
    row.turn, row.in_a_row = event.turn, event.failures
    followed.wait(rows, row)


def _see_model(
    rows: Rows, recorded: Recorded, index: int, event: ReplyFinished, cause: object
) -> None:
    """A model's failure stands in the log only as the cause of the phrase said instead."""
    if isinstance(cause, ModelFailed):
        kind: str = cause.kind
    elif isinstance(cause, ModelFinished) and _says_something(recorded):
        kind = "nothing_written"  # else its sentences were written before, each on its own
    else:
        return
    row = _row(rows, (recorded.sequence, index), event.at_ms, "llm", kind)
    row.reply, row.turn = event.reply, followed.turn_of(rows, event.reply)
    row.followed = "fallback"


def _says_something(recorded: Recorded) -> bool:
    return any(isinstance(event, SentenceWritten) for event in recorded.message.events)


def _end(rows: Rows, place: Key, event: LineEnded | CallEnded) -> None:
    """A line that was lost is not lost again by the end of the call."""
    talk = rows.of(Talk)
    waiting = [rows.find(FailureRow, *key) for key in talk.waiting]
    told = any(row is not None and row.stage == "line" for row in waiting)
    if event.reason in _BROKEN and not talk.over and not told:
        _broken(rows, place, event)
    talk.over = True
    followed.end(rows)


def _unfound(rows: Rows, place: Key, event: PassagesFailed | PassagesTaken, kind: str) -> None:
    row = _row(rows, place, event.at_ms, "rag", kind)
    row.turn = event.turn
    followed.wait(rows, row)


def _unspoken(
    rows: Rows, place: Key, event: SynthesisFailed | SynthesisDropped, kind: str
) -> FailureRow:
    row = _row(rows, place, event.at_ms, "tts", kind)
    row.reply, row.turn = event.reply, followed.turn_of(rows, event.reply)
    followed.wait(rows, row)
    return row


def _tool(rows: Rows, place: Key, event: ToolReturned | ToolRefused, kind: str) -> FailureRow:
    row = _row(rows, place, event.at_ms, "tool", kind)
    row.tool = event.tool
    followed.wait(rows, row)
    return row


def _broken(rows: Rows, place: Key, event: LineLost | LineEnded | CallEnded) -> FailureRow:
    row = _row(rows, place, event.at_ms, "line", event.reason)
    followed.wait(rows, row)
    return row


def _row(rows: Rows, place: Key, at_ms: int, stage: str, kind: str) -> FailureRow:
    row = rows.at(FailureRow, place)
    row.at, row.stage, row.kind = moment(at_ms), stage, kind
    return row


_FOLLOW: Final[dict[type[Any], Callable[[Rows, Any], None]]] = {
    LineResumed: followed.come_back,
    PlaybackFinished: followed.play,
    PlaybackCleared: followed.cut,
    TurnTaken: followed.overtake,
    ReplyBegun: followed.begin,
    ReplyInterrupted: followed.give_up,
    ToolCalled: _use,
}

_BREAK: Final[dict[type[Any], Callable[[Rows, Key, Any], None]]] = {
    UtteranceMisheard: _mishear,
    TurnMisheard: _give_up,
    PassagesFailed: _fail_to_find,
    PassagesTaken: _take,
    SynthesisFailed: _fail_to_speak,
    SynthesisDropped: _drop,
    ToolReturned: _return,
    ToolRefused: _refuse,
    RecogniserSwitched: _switch,
    ModelSwitched: _switch,
    VoiceSwitched: _switch,
    LineLost: _lose,
    LineEnded: _end,
    CallEnded: _end,
}

FAILURES: Final = Projection(
    name="failures",
    version=1,
    tables=(Table(name="failures", row=FailureRow, key=4),),
    reads=frozenset((*_FOLLOW, *_BREAK, ReplyFinished)),
    project=project,
    passing=frozenset((FailureRow, Utterance, Reply, Use)),
)
