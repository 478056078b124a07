"""call events -> table costs -> page costs"""

from collections.abc import Callable
from typing import Any, Final

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
from contracts.recorded import CallEvent, Recorded
from contracts.synthesis import SentenceSynthesized, SynthesisDropped
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from projections.costs import line, speech
from projections.costs.rows import CostRow, Rung, Voiced, add, use
from projections.folding import Rows
from projections.projection import Projection, Table


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """What the event says was used up. Pure."""
    if rows.find(Rung) is None:
        rows.of(Rung).at_ms = event.at_ms
    _COUNT[type(event)](rows, event)


def _ring(rows: Rows, event: LineRang) -> None:
    rung = rows.of(Rung)
    rung.at_ms, rung.carrier = event.at_ms, event.carrier
    rung.agent, rung.revision = event.agent.agent, event.agent.revision


def _finish(rows: Rows, event: ReplyFinished) -> None:
    provider, model = event.provider, event.model
    add(rows, "llm", provider, "tokens_in", event.tokens_in, model)
    add(rows, "llm", provider, "tokens_out", event.tokens_out, model)


def _call_tool(rows: Rows, event: ToolProposed | ToolRefused | ToolCalled) -> None:
    add(rows, "llm", "", "tokens_in", event.tokens_in)
    add(rows, "llm", "", "tokens_out", event.tokens_out)


def _discard(rows: Rows, event: DraftDiscarded) -> None:
    """Paid for like any other token, and told apart in units of its own."""
    for unit, tokens in (("tokens_in", event.tokens_in), ("tokens_out", event.tokens_out)):
        for counted in (unit, f"discarded_{unit}"):
            add(rows, "llm", "", counted, tokens)
            if tokens and event.estimated:
                use(rows, "llm", "", counted).estimated = True


def _write(rows: Rows, event: SentenceWritten) -> None:
    voiced, voice = rows.of(Voiced, event.reply, event.sentence), event.voice
    voiced.provider, voiced.model = voice.provider, voice.model
    if voice.fallbacks:
        voiced.others = {each.provider: each.model for each in voice.fallbacks}


def _speak(rows: Rows, event: SentenceSynthesized) -> None:
    voiced = rows.of(Voiced, event.reply, event.sentence)
    provider, prefix = event.provider, "cached_" if event.cached else ""
    own = provider in (voiced.provider, "")
    model = voiced.model if own else voiced.others.get(provider, "")
    add(rows, "tts", provider, prefix + "characters", event.characters, model)
    add(rows, "tts", provider, prefix + "seconds", event.audio_ms / 1000, model)


def _drop(rows: Rows, event: SynthesisDropped) -> None:
    voiced = rows.of(Voiced, event.reply, event.sentence)
    add(rows, "tts", voiced.provider, "dropped_seconds", event.audio_ms / 1000, voiced.model)


def _end(rows: Rows, event: LineEnded | CallEnded) -> None:
    speech.end(rows)
    line.end(rows, event)


_COUNT: Final[dict[type[Any], Callable[[Rows, Any], None]]] = {
    LineRang: _ring,
    LineAnswered: line.flow,
    LineLost: line.flow,
    LineResumed: line.flow,
    LineEnded: _end,
    CarrierReported: line.bill,
    SpeechStarted: speech.begin,
    SpeechEnded: speech.stop,
    TranscriptFinalized: speech.hear,
    UtteranceMisheard: speech.hear,
    SentenceWritten: _write,
    ReplyFinished: _finish,
    ToolProposed: _call_tool,
    ToolRefused: _call_tool,
    ToolCalled: _call_tool,
    DraftDiscarded: _discard,
    SentenceSynthesized: _speak,
    SynthesisDropped: _drop,
    CallEnded: _end,
}

COSTS: Final = Projection(
    name="costs",
    version=2,
    tables=(Table(name="costs", row=CostRow, key=6),),
    reads=frozenset(_COUNT),
    project=project,
    passing=frozenset((Voiced,)),
)
