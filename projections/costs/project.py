"""call events -> table costs -> page costs"""

from typing import Final, TypeAlias, get_args

from contracts.dialog import (
    CallEnded,
    DraftDiscarded,
    ReplyFinished,
    SentenceWritten,
    ToolCalled,
    ToolProposed,
    ToolRefused,
)
from contracts.line import (
    CarrierReported,
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    LineResumed,
    SpeechEnded,
    SpeechStarted,
)
from contracts.recorded import Recorded
from contracts.synthesis import SentenceSynthesized, SynthesisDropped
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from projections.costs import line, speech
from projections.costs.rows import CostRow, Rung, Voiced, add, use
from projections.folding import Rows
from projections.projection import Projection, Table

Read: TypeAlias = (
    LineRang
    | LineAnswered
    | LineLost
    | LineResumed
    | LineEnded
    | CarrierReported
    | SpeechStarted
    | SpeechEnded
    | TranscriptFinalized
    | UtteranceMisheard
    | SentenceWritten
    | ReplyFinished
    | ToolProposed
    | ToolRefused
    | ToolCalled
    | DraftDiscarded
    | SentenceSynthesized
    | SynthesisDropped
    | CallEnded
)


def project(rows: Rows, recorded: Recorded, index: int, event: Read) -> None:
    """What the event says was used up. Pure."""
    if rows.find(Rung) is None:
        rows.of(Rung).at_ms = event.at_ms
    match event:
        case LineRang():
            rung = rows.of(Rung)
            rung.at_ms, rung.carrier = event.at_ms, event.carrier
            rung.agent, rung.revision = event.agent.agent, event.agent.revision
        case LineAnswered() | LineLost() | LineResumed():
            line.flow(rows, event)
        case CarrierReported():
            line.bill(rows, event)
        case SpeechStarted() | SpeechEnded():
            speech.speak(rows, event)
        case TranscriptFinalized() | UtteranceMisheard():
            speech.hear(rows, event)
        case ReplyFinished():
            add(rows, "llm", event.provider, "tokens_in", event.tokens_in, event.model)
            add(rows, "llm", event.provider, "tokens_out", event.tokens_out, event.model)
        case ToolProposed() | ToolRefused() | ToolCalled():
            add(rows, "llm", "", "tokens_in", event.tokens_in)
            add(rows, "llm", "", "tokens_out", event.tokens_out)
        case DraftDiscarded():
            _discard(rows, event)
        case SentenceWritten() | SentenceSynthesized() | SynthesisDropped():
            _voice(rows, event)
        case LineEnded() | CallEnded():
            speech.end(rows)
            line.end(rows, event)


def _discard(rows: Rows, event: DraftDiscarded) -> None:
    """Paid for like any other token, and told apart in units of its own."""
    for unit, tokens in (("tokens_in", event.tokens_in), ("tokens_out", event.tokens_out)):
        for counted in (unit, f"discarded_{unit}"):
            add(rows, "llm", "", counted, tokens)
            if tokens and event.estimated:
                use(rows, "llm", "", counted).estimated = True


def _voice(rows: Rows, event: SentenceWritten | SentenceSynthesized | SynthesisDropped) -> None:
    voiced = rows.of(Voiced, event.reply, event.sentence)
    match event:
        case SentenceWritten():
            voice = event.voice
            voiced.provider, voiced.model = voice.provider, voice.model
            if voice.fallbacks:
                voiced.others = {each.provider: each.model for each in voice.fallbacks}
        case SentenceSynthesized():
            prefix = "cached_" if event.cached else ""
            own = event.provider in (voiced.provider, "")
            model = voiced.model if own else voiced.others.get(event.provider, "")
            for unit, quantity in (
                ("characters", event.characters),
                ("seconds", event.audio_ms / 1000),
            ):
                add(rows, "tts", event.provider, prefix + unit, quantity, model)
        case SynthesisDropped():
            seconds = event.audio_ms / 1000
            add(rows, "tts", voiced.provider, "dropped_seconds", seconds, voiced.model)


COSTS: Final = Projection(
    name="costs",
    version=2,
    tables=(Table(name="costs", row=CostRow, key=6),),
    reads=frozenset(get_args(Read)),
    project=project,
)
