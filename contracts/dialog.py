"""What the call's actor concluded.

subject  call.<tenant>.<call>.dialog    stream  CALLS
written  services/dialog                read    services/rag, services/tts, services/gateway,
                                                projections
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contracts.event import PII, AgentRef, Event, Phase, Pii, Stage

PiiDict = Annotated[dict[str, Any], msgspec.Meta(extra={PII: True})]
"""What a tool is given or gives, in whatever shape: personal data as a whole."""

Wait = Annotated[int, msgspec.Meta(ge=1)]
"""A wait in milliseconds."""

ReplyKind = Literal[
    "greeting", "answer", "fallback", "proposal", "result", "transfer", "goodbye", "bridge"
]


class FallbackVoice(msgspec.Struct, frozen=True, kw_only=True):
    """How a sentence is to be spoken when the voices before it fail."""

    provider: str = "espeak"  # the synthesiser's name
    name: str = "en-us"  # the provider's own name of the voice
    speed_wpm: int = 165  # words a minute, where the provider knows speed
    model: str = ""  # the provider's model; empty: its default
    language: str = ""  # BCP 47, for providers that have to be told; empty: their default


class Voice(FallbackVoice, frozen=True, kw_only=True):
    """How a sentence is to be spoken.

    What is unset is not written: every sentence carries its voice. The waits hold while there is a
    fallback left to go to; the last one is given more time.
    """

    fallbacks: tuple[FallbackVoice, ...] | UnsetType = UNSET  # who speaks when it fails, in order
    first_ms: Wait | UnsetType = UNSET  # for the connection and the first sound; unset: 2000
    stall_ms: Wait | UnsetType = UNSET  # between two pieces of sound; unset: 2000


class CallOpened(Event, frozen=True, kw_only=True, tag="dialog.opened/1"):
    """The actor took the call up."""

    agent: AgentRef  # the revision this call keeps
    language: str  # BCP 47
    variables: dict[str, Pii] = {}  # dynamic variables for prompts and phrases


class PhaseEntered(Event, frozen=True, kw_only=True, tag="dialog.phase_entered/1"):
    """The conversation moved on."""

    phase: Phase  # the phase that begins


class TurnTaken(Event, frozen=True, kw_only=True, tag="dialog.turn_taken/1"):
    """The caller's turn was understood."""

    turn: int  # number of the turn in the call, starts at 1
    utterance: int  # the last utterance of the turn
    text: Pii  # what the caller said
    intent: str  # a name of the agent's intents; 'unknown' when none fits
    kind: str  # hello, goodbye, confirm, question, action, unknown
    slots: dict[str, Pii] = {}  # values found in the text, by the slot's name
    confidence: float = 1.0  # of the transcript, 0..1
    speech_ended_ms: int = 0  # UNIX time in milliseconds


class TurnMisheard(Event, frozen=True, kw_only=True, tag="dialog.turn_misheard/1"):
    """The caller spoke and was not understood."""

    turn: int
    utterance: int
    failures: int  # in a row, this one counted
    speech_ended_ms: int = 0


class PassagesWanted(Event, frozen=True, kw_only=True, tag="dialog.passages_wanted/1"):
    """The knowledge is asked before the answer is written."""

    turn: int
    question: Pii  # what is looked up
    agent: AgentRef  # whose knowledge is asked
    limit: int = 4  # passages wanted at most


class PassagesTaken(Event, frozen=True, kw_only=True, tag="dialog.passages_taken/1"):
    """The passages the answer will be written from; none when they came too late."""

    turn: int
    sources: tuple[str, ...] = ()  # '<document>#<chunk>', best first
    late: bool = False  # true: the wait ended before they came


class ReplyBegun(Event, frozen=True, kw_only=True, tag="dialog.reply_begun/1"):
    """The agent begins to speak."""

    reply: int  # number of the reply in the call, starts at 1
    turn: int  # the turn answered; 0: the greeting
    kind: ReplyKind  # what the reply is for
    resumes: int = 0  # the reply whose unheard rest this one says; 0: none


class SentenceWritten(Event, frozen=True, kw_only=True, tag="dialog.sentence_written/1"):
    """One sentence of a reply, to be spoken in order."""

    reply: int
    sentence: int  # number of the sentence in its reply, starts at 1
    text: Pii  # the words to speak
    voice: Voice  # to speak it with
    fixed: bool = False  # a phrase of the agent without the caller's data: worth caching
    again: bool = False  # bridges a gap, or was written before in the reply that is resumed


class ReplyFinished(Event, frozen=True, kw_only=True, tag="dialog.reply_finished/1"):
    """Nothing more will be written in this reply."""

    reply: int
    sentences: int  # written in this reply
    tokens_in: int = 0  # the model's count of what it read; 0: no model or not told
    tokens_out: int = 0  # the model's count of what it wrote
    provider: str = ""  # the model's, where it is not the agent's first
    model: str = ""  # of that provider; empty: its default


class ReplyHeard(Event, frozen=True, kw_only=True, tag="dialog.reply_heard/1"):
    """The caller heard the reply to its end."""

    reply: int


class ReplyInterrupted(Event, frozen=True, kw_only=True, tag="dialog.reply_interrupted/1"):
    """The reply was given up; history keeps only what was heard."""

    reply: int
    heard: Pii  # the words the caller heard
    sentence: int = 0  # the sentence that was cut; 0: nothing had been played
    played_ms: int = 0  # of that sentence
    resumed: bool = False  # what was not heard is said again in the next reply


class CallerLost(Event, frozen=True, kw_only=True, tag="dialog.caller_lost/1"):
    """The line broke: nothing is written for the caller until it is back."""

    reply: int = 0  # the reply the caller was hearing; 0: none
    sentences: int = 0  # of that reply, heard for certain
    planned: bool = False  # the line changes its gateway on purpose


class CallerReturned(Event, frozen=True, kw_only=True, tag="dialog.caller_returned/1"):
    """The caller is on the line again; what was not heard is said again."""

    stint: int  # as in LineResumed: the gateway that has it may speak from here on
    reply: int = 0  # replies up to this one are over


class ToolProposed(Event, frozen=True, kw_only=True, tag="dialog.tool_proposed/1"):
    """The caller is asked before something is done."""

    invocation: str  # stable id of this use of the tool
    tool: str  # name of one of the agent's tools
    arguments: PiiDict  # by the JSON Schema of the tool's parameters; the caller's words
    tokens_in: int = 0  # what the model read before it asked for the tool
    tokens_out: int = 0  # what it wrote to ask


class ToolDeclined(Event, frozen=True, kw_only=True, tag="dialog.tool_declined/1"):
    """The caller said no, or could not be asked because the question could not be spoken."""

    invocation: str
    tool: str


class ToolRefused(Event, frozen=True, kw_only=True, tag="dialog.tool_refused/1"):
    """The model asked for a tool with arguments the tool does not take."""

    tool: str
    reason: str  # where the schema was broken, without the value
    tokens_in: int = 0  # as in ToolProposed
    tokens_out: int = 0


class ToolCalled(Event, frozen=True, kw_only=True, tag="dialog.tool_called/1"):
    """The tool is run from here on. Written before it runs."""

    invocation: str
    turn: int
    tool: str
    arguments: PiiDict
    tokens_in: int = 0  # as in ToolProposed; 0 where the caller was asked first
    tokens_out: int = 0


class ToolReturned(Event, frozen=True, kw_only=True, tag="dialog.tool_returned/1"):
    """What the tool answered."""

    invocation: str
    tool: str
    ok: bool  # false: it failed, or its answer was of no use
    result: PiiDict = {}  # the tool's answer; empty: none; may tell of the caller
    took_ms: float = 0.0  # from its start to its answer
    unsure: bool = False  # true: nobody knows whether it was run, so it is not run again


class ModelSwitched(Event, frozen=True, kw_only=True, tag="dialog.model_switched/1"):
    """Another language model goes on with the reply: the one before it failed or was too slow."""

    reply: int
    from_provider: str  # the one that is left
    to_provider: str  # the one that is asked instead
    kind: str  # the error's class, never its text; 'slow': the other one was quicker
    stage: Stage  # how far the one that is left had come
    wait_ms: float = 0.0  # since the last that came of it, or since it was asked


class TransferRequested(Event, frozen=True, kw_only=True, tag="dialog.transfer_requested/1"):
    """The caller is handed to a person."""

    to: str  # the agent's own transfer number or address
    reason: Literal["misheard", "asked"]  # not understood too often, or wished


class HangUpRequested(Event, frozen=True, kw_only=True, tag="dialog.hang_up_requested/1"):
    """The agent ends the call."""

    reason: Literal["goodbye"]  # why the agent ends it


class CallEnded(Event, frozen=True, kw_only=True, tag="dialog.ended/1"):
    """The actor let the call go."""

    reason: str  # as in LineEnded
    phase: Phase  # reached
    turns: int  # turns taken in all


Discarded = Literal["resumed", "changed", "failed", "ended"]
"""The caller spoke on; words, passages or conversation came out differently; the model failed; the
call ended."""


class DraftDiscarded(Event, frozen=True, kw_only=True, tag="dialog.draft_discarded/1"):
    """An answer begun before the caller's turn was over came to nothing. Nobody heard any of it."""

    utterance: int  # of the draft it answered
    reason: Discarded  # why it was of no use
    tokens_in: int = 0  # what the model read for it
    tokens_out: int = 0  # what the model had written of it
    estimated: bool = False  # a model that is stopped does not tell: see services/dialog/prepared


# What the actor's own process reports to it. Recorded as the cause of a decision, never alone.


class ModelWrote(Event, frozen=True, kw_only=True, tag="model.wrote/1"):
    """The language model completed a sentence."""

    reply: int
    text: Pii  # the sentence, in full


class ModelCalledTool(Event, frozen=True, kw_only=True, tag="model.called_tool/1"):
    """The language model asks for a tool."""

    reply: int
    tool: str
    arguments: PiiDict
    tokens_in: int = 0
    tokens_out: int = 0


class ModelFinished(Event, frozen=True, kw_only=True, tag="model.finished/1"):
    """The language model has no more to say."""

    reply: int
    tokens_in: int = 0
    tokens_out: int = 0
    provider: str = ""  # the model's, where it is not the agent's first
    model: str = ""  # of that provider; empty: its default


class ModelFailed(Event, frozen=True, kw_only=True, tag="model.failed/1"):
    """The language model could not answer."""

    reply: int
    kind: str  # the error's class, never its text


class ModelGaveWay(Event, frozen=True, kw_only=True, tag="model.gave_way/1"):
    """A language model failed or was too slow, and the next one writes the rest of the reply."""

    reply: int
    from_provider: str
    to_provider: str
    kind: str
    stage: Stage
    wait_ms: float = 0.0


class ToolReported(Event, frozen=True, kw_only=True, tag="tool.reported/1"):
    """A tool came back."""

    invocation: str
    ok: bool
    result: PiiDict = {}
    took_ms: float = 0.0
    unsure: bool = False  # its process died after it was called, and it may not be repeated


class WaitEnded(Event, frozen=True, kw_only=True, tag="wait.ended/1"):
    """Something awaited did not come in time."""

    turn: int
    awaited: Literal["passages", "answer", "line"]  # what did not come


class DraftDropped(Event, frozen=True, kw_only=True, tag="draft.dropped/1"):
    """An answer was prepared in vain. As in DraftDiscarded."""

    utterance: int
    reason: Discarded
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False


InnerFact = (
    ModelWrote
    | ModelCalledTool
    | ModelFinished
    | ModelFailed
    | ModelGaveWay
    | ToolReported
    | WaitEnded
    | DraftDropped
)
