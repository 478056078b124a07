"""Each event in a few words, as somebody would tell it who had listened."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias, assert_never, get_args

from contracts.dialog import (
    CallEnded,
    CallerLost,
    CallerReturned,
    CallOpened,
    DraftDiscarded,
    HangUpRequested,
    ModelSwitched,
    PassagesTaken,
    PassagesWanted,
    PhaseEntered,
    ReplyBegun,
    ReplyFinished,
    ReplyHeard,
    ReplyInterrupted,
    SentenceWritten,
    ToolCalled,
    ToolDeclined,
    ToolProposed,
    ToolRefused,
    ToolReturned,
    TransferRequested,
    TurnMisheard,
    TurnTaken,
)
from contracts.event import OwnerClaimed
from contracts.line import (
    CarrierReported,
    DigitPressed,
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    LineResumed,
    PlaybackCleared,
    PlaybackFinished,
    PlaybackStarted,
    SentencePlayed,
    SpeechEnded,
    SpeechStarted,
)
from contracts.outcome import CallErased, OutcomeRecorded
from contracts.passages import PassagesFailed, PassagesFound
from contracts.recorded import (
    CallEvent,
    OutcomeEvent,
    PassagesEvent,
    SynthesisEvent,
    TranscriptEvent,
)
from contracts.synthesis import (
    SentenceSynthesized,
    SynthesisDropped,
    SynthesisFailed,
    VoiceSwitched,
)
from contracts.transcript import (
    RecogniserSwitched,
    TranscriptDrafted,
    TranscriptFinalized,
    UtteranceMisheard,
)


class Entry(NamedTuple):
    """Who did it, and what."""

    lane: str  # line, caller, agent, dialog, knowledge, tool, outcome
    label: str


Told: TypeAlias = tuple[str, str]
"""An Entry's lane and label."""

_Speech: TypeAlias = SpeechStarted | SpeechEnded | DigitPressed
_Line: TypeAlias = LineRang | LineAnswered | LineLost | LineResumed | CarrierReported | LineEnded
_Turn: TypeAlias = TurnTaken | TurnMisheard | PassagesWanted | PassagesTaken
_Tool: TypeAlias = ToolProposed | ToolDeclined | ToolRefused | ToolCalled | ToolReturned
_Dialog: TypeAlias = (
    OwnerClaimed
    | CallOpened
    | PhaseEntered
    | CallerLost
    | CallerReturned
    | ModelSwitched
    | DraftDiscarded
    | TransferRequested
    | HangUpRequested
    | CallEnded
)


def entry(event: CallEvent) -> Entry:
    """The event's lane and words."""
    return Entry(*told(event))


def told(event: CallEvent) -> Told:
    """The same for who tells very many."""
    return _TELLERS[type(event)](event)


def _speech(event: _Speech) -> Told:
    match event:
        case SpeechEnded():
            return "caller", "falls silent"
        case SpeechStarted(over_reply=0):
            return "caller", "begins to speak"
        case SpeechStarted():
            return "caller", f"speaks over reply {event.over_reply}"
        case DigitPressed():
            return "caller", f"presses {event.digit}"
        case _:
            assert_never(event)


def _play(event: PlaybackStarted) -> Told:
    return "agent", f"reply {event.reply} is heard from here"


def _played(event: SentencePlayed) -> Told:
    return "agent", f"reply {event.reply}: sentence {event.sentence} was played"


def _play_out(event: PlaybackFinished) -> Told:
    return "agent", f"reply {event.reply} was played to its end"


def _cut(event: PlaybackCleared) -> Told:
    where = f"sentence {event.sentence} after {event.played_ms} ms"
    return "agent", f"reply {event.reply} is cut in {where}"


def _line(event: _Line) -> Told:
    match event:
        case LineRang():
            return "line", f"rings: {event.caller or 'unknown'} for {event.agent.agent}"
        case LineAnswered():
            return "line", "answered"
        case LineLost():
            return "line", f"lost: {event.reason}"
        case LineResumed():
            return "line", "is back"
        case CarrierReported():
            return "line", f"the carrier reports {event.status}"
        case LineEnded():
            return "line", f"ended: {event.reason}"
        case _:
            assert_never(event)


def _transcript(event: TranscriptEvent | TranscriptDrafted) -> Told:
    match event:
        case TranscriptFinalized():
            return "caller", f"is understood: {event.text}"
        case UtteranceMisheard():
            return "caller", f"is not understood: {event.reason}"
        case RecogniserSwitched():
            return "caller", f"is listened to by {_other(event)}"
        case TranscriptDrafted():
            return "caller", f"so far: {event.text}"
        case _:
            assert_never(event)


def _passages(event: PassagesEvent) -> Told:
    match event:
        case PassagesFound():
            found = f"{len(event.passages)} passages found in {event.took_ms:.1f} ms"
            return "knowledge", found
        case PassagesFailed():
            return "knowledge", f"can't be asked: {event.kind}"
        case _:
            assert_never(event)


def _synthesis(event: SynthesisEvent) -> Told:
    sentence = f"reply {event.reply}: sentence {event.sentence}"
    match event:
        case SentenceSynthesized():
            how = "comes from the cache" if event.cached else "is synthesised"
            return "agent", f"{sentence} {how}, {event.audio_ms} ms"
        case SynthesisDropped():
            return "agent", f"{sentence} is not synthesised any further"
        case SynthesisFailed():
            return "agent", f"{sentence} can't be synthesised: {event.kind}"
        case VoiceSwitched():
            return "agent", f"{sentence} is spoken by {_other(event)}"
        case _:
            assert_never(event)


def _turn(event: _Turn) -> Told:
    turn = f"turn {event.turn}"
    match event:
        case TurnTaken():
            return "dialog", f"{turn}: {event.intent}: {event.text}"
        case PassagesTaken(late=True):
            return "dialog", f"{turn}: goes on without the knowledge"
        case PassagesTaken():
            sources = ", ".join(event.sources) or "nothing"
            return "dialog", f"{turn}: answers from {sources}"
        case PassagesWanted():
            return "dialog", f"{turn}: asks the knowledge: {event.question}"
        case TurnMisheard():
            return "dialog", f"{turn}: not understood"
        case _:
            assert_never(event)


def _dialog(event: _Dialog) -> Told:
    match event:
        case OwnerClaimed():
            return "dialog", f"the {event.role} has its owner number {event.epoch}"
        case PhaseEntered():
            return "dialog", f"phase {event.phase}"
        case CallOpened():
            return "dialog", f"taken up in {event.language}"
        case CallEnded():
            return "dialog", f"let go: {event.reason}"
        case CallerLost(planned=True):
            return "dialog", "waits while the line changes its gateway"
        case CallerLost():
            return "dialog", "waits for the caller to come back"
        case CallerReturned():
            return "dialog", "goes on with the caller"
        case ModelSwitched():
            return "dialog", f"reply {event.reply} is written by {_other(event)}"
        case DraftDiscarded():
            return "dialog", f"an answer begun early is discarded: {event.reason}"
        case TransferRequested():
            return "dialog", f"hands the caller to {event.to or 'nobody'}: {event.reason}"
        case HangUpRequested():
            return "dialog", "hangs up"
        case _:
            assert_never(event)


def _tool(event: _Tool) -> Told:
    match event:
        case ToolCalled():
            return "tool", f"{event.tool} is run"
        case ToolReturned(unsure=True):
            return "tool", f"{event.tool}: nobody knows whether it was run"
        case ToolReturned(ok=True):
            return "tool", f"{event.tool} is done"
        case ToolReturned():
            return "tool", f"{event.tool} failed"
        case ToolProposed():
            return "tool", f"{event.tool}: the caller is asked"
        case ToolDeclined():
            return "tool", f"{event.tool}: the caller said no"
        case ToolRefused():
            return "tool", f"{event.tool} does not take these arguments: {event.reason}"
        case _:
            assert_never(event)


def _begin(event: ReplyBegun) -> Told:
    return "agent", f"reply {event.reply} begins: {event.kind}"


def _write(event: SentenceWritten) -> Told:
    return "agent", f"reply {event.reply}: {event.text}"


def _finish(event: ReplyFinished) -> Told:
    return "agent", f"reply {event.reply} is written, sentences: {event.sentences}"


def _hear(event: ReplyHeard) -> Told:
    return "agent", f"reply {event.reply} was heard to its end"


def _interrupt(event: ReplyInterrupted) -> Told:
    return "agent", f"reply {event.reply} was interrupted after: {event.heard}"


def _outcome(event: OutcomeEvent) -> Told:
    match event:
        case OutcomeRecorded():
            return "outcome", f"outcome: {event.outcome}"
        case CallErased():
            return "outcome", "what was said, and by whom, was erased"
        case _:
            assert_never(event)


def _other(event: RecogniserSwitched | ModelSwitched | VoiceSwitched) -> str:
    return f"{event.to_provider} instead of {event.from_provider}: {event.kind}"


# Frequent events by themselves, others by kind: to find that a struct is none of a class takes
# 0.2 us.
_TELLERS: Final[dict[type[Any], Callable[[Any], Told]]] = {
    **dict.fromkeys(get_args(_Speech), _speech),
    PlaybackStarted: _play,
    SentencePlayed: _played,
    PlaybackFinished: _play_out,
    PlaybackCleared: _cut,
    **dict.fromkeys(get_args(_Line), _line),
    **dict.fromkeys((*get_args(TranscriptEvent), TranscriptDrafted), _transcript),
    **dict.fromkeys(get_args(PassagesEvent), _passages),
    **dict.fromkeys(get_args(SynthesisEvent), _synthesis),
    **dict.fromkeys(get_args(_Turn), _turn),
    **dict.fromkeys(get_args(_Dialog), _dialog),
    **dict.fromkeys(get_args(_Tool), _tool),
    ReplyBegun: _begin,
    SentenceWritten: _write,
    ReplyFinished: _finish,
    ReplyHeard: _hear,
    ReplyInterrupted: _interrupt,
    **dict.fromkeys(get_args(OutcomeEvent), _outcome),
}
