"""Each event in a few words, as somebody would tell it who had listened."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, assert_never, get_args

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
    DialogEvent,
    LineEvent,
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


def entry(event: CallEvent) -> Entry:
    """The event's lane and words."""
    return _TELLERS[type(event)](event)


def _line(event: LineEvent) -> Entry:
    match event:
        case LineRang():
            return Entry("line", f"rings: {event.caller or 'unknown'} for {event.agent.agent}")
        case LineAnswered():
            return Entry("line", "answered")
        case DigitPressed():
            return Entry("caller", f"presses {event.digit}")
        case SpeechStarted(over_reply=0):
            return Entry("caller", "begins to speak")
        case SpeechStarted():
            return Entry("caller", f"speaks over reply {event.over_reply}")
        case SpeechEnded():
            return Entry("caller", "falls silent")
        case PlaybackStarted():
            return Entry("agent", f"reply {event.reply} is heard from here")
        case SentencePlayed():
            return Entry("agent", f"reply {event.reply}: sentence {event.sentence} was played")
        case PlaybackFinished():
            return Entry("agent", f"reply {event.reply} was played to its end")
        case PlaybackCleared():
            where = f"sentence {event.sentence} after {event.played_ms} ms"
            return Entry("agent", f"reply {event.reply} is cut in {where}")
        case LineLost():
            return Entry("line", f"lost: {event.reason}")
        case LineResumed():
            return Entry("line", "is back")
        case CarrierReported():
            return Entry("line", f"the carrier reports {event.status}")
        case LineEnded():
            return Entry("line", f"ended: {event.reason}")
        case _:
            assert_never(event)


def _transcript(event: TranscriptEvent | TranscriptDrafted) -> str:
    match event:
        case TranscriptFinalized():
            return f"is understood: {event.text}"
        case UtteranceMisheard():
            return f"is not understood: {event.reason}"
        case RecogniserSwitched():
            return f"is listened to by {_other(event)}"
        case TranscriptDrafted():
            return f"so far: {event.text}"
        case _:
            assert_never(event)


def _passages(event: PassagesEvent) -> str:
    match event:
        case PassagesFound():
            return f"{len(event.passages)} passages found in {event.took_ms:.1f} ms"
        case PassagesFailed():
            return f"can't be asked: {event.kind}"
        case _:
            assert_never(event)


def _synthesis(event: SynthesisEvent) -> str:
    sentence = f"reply {event.reply}: sentence {event.sentence}"
    match event:
        case SentenceSynthesized(cached=True):
            return f"{sentence} comes from the cache, {event.audio_ms} ms"
        case SentenceSynthesized():
            return f"{sentence} is synthesised, {event.audio_ms} ms"
        case SynthesisDropped():
            return f"{sentence} is not synthesised any further"
        case SynthesisFailed():
            return f"{sentence} can't be synthesised: {event.kind}"
        case VoiceSwitched():
            return f"{sentence} is spoken by {_other(event)}"
        case _:
            assert_never(event)


def _dialog(event: DialogEvent) -> Entry:
    match event:
        case OwnerClaimed():
            return Entry("dialog", f"the {event.role} has its owner number {event.epoch}")
        case CallOpened():
            return Entry("dialog", f"taken up in {event.language}")
        case PhaseEntered():
            return Entry("dialog", f"phase {event.phase}")
        case TurnTaken():
            return Entry("dialog", f"turn {event.turn}: {event.intent}: {event.text}")
        case TurnMisheard():
            return Entry("dialog", f"turn {event.turn}: not understood")
        case PassagesWanted():
            return Entry("dialog", f"turn {event.turn}: asks the knowledge: {event.question}")
        case PassagesTaken(late=True):
            return Entry("dialog", f"turn {event.turn}: goes on without the knowledge")
        case PassagesTaken():
            sources = ", ".join(event.sources) or "nothing"
            return Entry("dialog", f"turn {event.turn}: answers from {sources}")
        case ToolProposed() | ToolDeclined() | ToolRefused() | ToolCalled() | ToolReturned():
            return Entry("tool", _tool(event))
        case CallerLost(planned=True):
            return Entry("dialog", "waits while the line changes its gateway")
        case CallerLost():
            return Entry("dialog", "waits for the caller to come back")
        case CallerReturned():
            return Entry("dialog", "goes on with the caller")
        case ModelSwitched():
            return Entry("dialog", f"reply {event.reply} is written by {_other(event)}")
        case DraftDiscarded():
            return Entry("dialog", f"an answer begun early is discarded: {event.reason}")
        case TransferRequested():
            return Entry("dialog", f"hands the caller to {event.to or 'nobody'}: {event.reason}")
        case HangUpRequested():
            return Entry("dialog", "hangs up")
        case CallEnded():
            return Entry("dialog", f"let go: {event.reason}")
        case _:
            return Entry("agent", _reply(event))


def _tool(
    event: ToolProposed | ToolDeclined | ToolRefused | ToolCalled | ToolReturned,
) -> str:
    match event:
        case ToolProposed():
            return f"{event.tool}: the caller is asked"
        case ToolDeclined():
            return f"{event.tool}: the caller said no"
        case ToolRefused():
            return f"{event.tool} does not take these arguments: {event.reason}"
        case ToolCalled():
            return f"{event.tool} is run"
        case ToolReturned(unsure=True):
            return f"{event.tool}: nobody knows whether it was run"
        case ToolReturned(ok=True):
            return f"{event.tool} is done"
        case ToolReturned():
            return f"{event.tool} failed"
        case _:
            assert_never(event)


def _reply(
    event: ReplyBegun | SentenceWritten | ReplyFinished | ReplyHeard | ReplyInterrupted,
) -> str:
    match event:
        case ReplyBegun():
            return f"reply {event.reply} begins: {event.kind}"
        case SentenceWritten():
            return f"reply {event.reply}: {event.text}"
        case ReplyFinished():
            return f"reply {event.reply} is written, sentences: {event.sentences}"
        case ReplyHeard():
            return f"reply {event.reply} was heard to its end"
        case ReplyInterrupted():
            return f"reply {event.reply} was interrupted after: {event.heard}"
        case _:
            assert_never(event)


def _other(event: RecogniserSwitched | ModelSwitched | VoiceSwitched) -> str:
    return f"{event.to_provider} instead of {event.from_provider}: {event.kind}"


def _heard(event: TranscriptEvent | TranscriptDrafted) -> Entry:
    return Entry("caller", _transcript(event))


def _found(event: PassagesEvent) -> Entry:
    return Entry("knowledge", _passages(event))


def _spoken(event: SynthesisEvent) -> Entry:
    return Entry("agent", _synthesis(event))


def _afterwards(event: OutcomeRecorded | CallErased) -> Entry:
    if isinstance(event, OutcomeRecorded):
        return Entry("outcome", f"outcome: {event.outcome}")
    return Entry("outcome", "what was said, and by whom, was erased")


_TELLERS: Final[dict[type[Any], Callable[[Any], Entry]]] = {
    **dict.fromkeys(get_args(LineEvent), _line),
    **dict.fromkeys((*get_args(TranscriptEvent), TranscriptDrafted), _heard),
    **dict.fromkeys(get_args(PassagesEvent), _found),
    **dict.fromkeys(get_args(SynthesisEvent), _spoken),
    **dict.fromkeys((OutcomeRecorded, CallErased), _afterwards),
    **dict.fromkeys(get_args(DialogEvent), _dialog),
}
