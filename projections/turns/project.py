"""call events -> table turns -> page calls"""

from typing import Any, Final

from contracts.dialog import (
    PassagesTaken,
    PassagesWanted,
    ReplyBegun,
    ReplyHeard,
    ReplyInterrupted,
    SentenceWritten,
    ToolCalled,
    TurnMisheard,
    TurnTaken,
)
from contracts.line import PlaybackStarted
from contracts.passages import PassagesFailed, PassagesFound
from contracts.recorded import CallEvent, Recorded
from contracts.synthesis import SentenceSynthesized
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from projections.projection import Projection
from projections.turns import replies
from projections.write import Write, moment, upsert

_FIRST: Final = {"reply": "coalesce(turns.reply, new.reply)"} | {
    "reply_kind": "coalesce(turns.reply_kind, new.reply_kind)",
    "replies": "turns.replies + new.replies",
    "tools": "turns.tools || new.tools",
}
_TRANSCRIBED: Final = (
    "UPDATE turns SET transcribed_at = t.transcribed_at FROM turn_transcripts AS t"
    " WHERE (turns.tenant, turns.call, turns.turn) = ($1, $2, $3)"
    " AND (t.tenant, t.call, t.utterance) = ($1, $2, $4)"
)


def project(recorded: Recorded) -> list[Write]:
    """What each event adds to its turn's row. Pure."""
    place = (recorded.tenant, recorded.call)
    return [
        write
        for _, event in recorded.events()
        for write in (
            *_of_turn(recorded, event),
            *(Write(sql, (*place, *values)) for sql, *values in _of_reply(recorded, event)),
        )
    ]


def _of_turn(recorded: Recorded, event: CallEvent) -> list[Write]:
    """Writes of events that name their turn or, before there is a turn, their utterance."""
    call = {"tenant": recorded.tenant, "call": recorded.call}
    stored = moment(recorded.stored_ms)

    def row(turn: int, **columns: Any) -> Write:
        return upsert("turns", {**call, "turn": turn}, columns, _FIRST)

    def taken(event: TurnTaken | TurnMisheard, **columns: Any) -> list[Write]:
        ended = moment(event.speech_ended_ms) if event.speech_ended_ms else None  # keys: no speech
        place = (*call.values(), event.turn, event.utterance)
        return [
            row(
                event.turn,
                utterance=event.utterance,
                speech_ended_at=ended,
                taken_at=stored,
                **columns,
            ),
            Write(_TRANSCRIBED, place),
        ]

    match event:
        case TranscriptFinalized() | UtteranceMisheard():
            key = {**call, "utterance": event.utterance}
            return [upsert("turn_transcripts", key, {"transcribed_at": stored})]
        case TurnTaken():
            return taken(
                event,
                said=event.text,
                intent=event.intent,
                kind=event.kind,
                slots=event.slots,
                confidence=event.confidence,
            )
        case TurnMisheard():
            return taken(event, kind="misheard", failures=event.failures)
        case PassagesWanted():
            return [row(event.turn, passages_wanted_at=stored)]
        case PassagesFound(passages=found):
            score = found[0].score if found else None
            return [row(event.turn, passages_found_at=stored, top_score=score)]
        case PassagesFailed():
            return [row(event.turn, passages_found_at=stored)]
        case PassagesTaken():
            return [row(event.turn, passages_taken_at=stored, sources=event.sources)]
        case ReplyBegun():
            key = {**call, "reply": event.reply}
            of_turn = upsert("turn_replies", key, {"turn": event.turn})
            if event.resumes or event.kind == "bridge":  # the answer is the one begun before
                return [of_turn]
            return [
                of_turn,
                row(event.turn, reply=event.reply, reply_kind=event.kind, replies=1),
            ]
        case ToolCalled():
            return [row(event.turn, tools=[event.tool])]
        case _:
            return []


def _of_reply(recorded: Recorded, event: CallEvent) -> list[tuple[Any, ...]]:
    """Statements of events that name only their reply, each with its values behind the call's."""
    match event:
        case SentenceWritten(reply=reply, text=text, again=True):
            return [(replies.WRITTEN, reply, text)]
        case SentenceWritten(reply=reply, text=text):
            return [
                (replies.WRITTEN, reply, text),
                (replies.TURN_WRITTEN, reply, text, moment(recorded.stored_ms)),
            ]
        case SentenceSynthesized(reply=reply, sentence=1):
            return [(replies.SYNTHESIZED, reply, event.first_audio_ms)]
        case PlaybackStarted(reply=reply):
            return [(replies.PLAYBACK_STARTED, reply, moment(event.at_ms))]
        case ReplyHeard(reply=reply):
            return [(replies.HEARD, reply)]
        case ReplyInterrupted(reply=reply, resumed=True):
            return [(replies.CUT_OFF, reply, event.heard)]
        case ReplyInterrupted(reply=reply):
            return [(replies.INTERRUPTED, reply, event.heard)]
        case _:
            return []


TURNS: Final = Projection(
    name="turns", version=1, tables=("turns", "turn_transcripts", "turn_replies"), project=project
)
