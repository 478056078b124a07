"""call events -> table latency"""

from collections.abc import Callable
from typing import Any, Final, get_args

from contracts.dialog import ModelWrote, SentenceWritten, TurnMisheard, TurnTaken
from contracts.recorded import Recorded
from contracts.synthesis import SentenceSynthesized
from projections.folding import Rows
from projections.latency.rows import LatencyRow
from projections.latency.stages import STAGES, Stage, Waited, reckon
from projections.moments import Moment, moment
from projections.projection import Projection, Table
from projections.turn_rows import ReplyTurn, Transcribed
from projections.turn_times import Timed, keep_times


def project(rows: Rows, recorded: Recorded, index: int, event: Timed) -> None:
    """The times of the event's turn. Pure."""
    turn = keep_times(rows, recorded, event, Waited)
    note = _NOTE.get(type(event))
    if turn is not None and note is not None:
        note(rows, turn, recorded, event)


def _note_ears(
    rows: Rows, turn: Waited, recorded: Recorded, event: TurnTaken | TurnMisheard
) -> None:
    heard = rows.find(Transcribed, event.utterance)
    turn.stt_provider = heard.provider or None if heard else None


def _note_voice(rows: Rows, turn: Waited, recorded: Recorded, event: SentenceSynthesized) -> None:
    if event.sentence == 1 and event.reply == turn.reply:
        turn.tts_provider, turn.cached = event.provider, event.cached


def _note_model(rows: Rows, turn: Waited, recorded: Recorded, event: SentenceWritten) -> None:
    """The model reports to the process it runs in: its word stands only as a decision's cause."""
    if event.again or turn.model_wrote_at is not None:
        return
    cause = recorded.message.decision.cause if recorded.message.decision else None
    is_first = turn.first_sentence_at == moment(recorded.stored_ms)
    if is_first and isinstance(cause, ModelWrote) and cause.reply == event.reply:
        turn.model_wrote_at = moment(cause.at_ms)


def derive(rows: Rows) -> None:
    """The stages of changed turns both of whose ends are known."""
    for turn in rows.changed_of(Waited):
        reckon(turn)
        for place, stage in enumerate(STAGES, start=1):
            start, end = getattr(turn, stage.start), getattr(turn, stage.end)
            if start is not None and end is not None:
                _keep(rows, turn, stage, place, start, end)


def _keep(rows: Rows, turn: Waited, stage: Stage, place: int, start: Moment, end: Moment) -> None:
    number, name = turn.turn, stage.name
    provider, cached = _who(turn, name)
    row = LatencyRow(  # by place: names would take as long again
        rows.tenant,
        rows.call,
        number,
        name,
        place,
        stage.is_part,
        turn.reply,
        provider,
        cached,
        start,
        stage.start_clock,
        end,
        stage.end_clock,
    )
    if row != rows.find(LatencyRow, number, name):
        rows.put(row, number, name)


def _who(turn: Waited, stage: str) -> tuple[str | None, bool | None]:
    """The provider that was waited for, and whether the cache stood in for it."""
    match stage:
        case "stt":
            return turn.stt_provider, None
        case "tts":
            return turn.tts_provider, turn.cached
        case _:
            return None, None


_NOTE: Final[dict[type[Any], Callable[[Rows, Waited, Recorded, Any], None]]] = {
    TurnTaken: _note_ears,
    TurnMisheard: _note_ears,
    SentenceSynthesized: _note_voice,
    SentenceWritten: _note_model,
}

LATENCY: Final = Projection(
    name="latency",
    version=1,
    tables=(Table(name="latency", row=LatencyRow, key=4),),
    reads=frozenset(get_args(Timed)),
    project=project,
    derive=derive,
    passing=frozenset((Waited, Transcribed, ReplyTurn, LatencyRow)),
    derived=frozenset((LatencyRow,)),
)
