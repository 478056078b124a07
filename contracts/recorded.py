"""A message of a call as it stands in the log."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from contracts import dialog, line, outcome, passages, synthesis, transcript
from contracts.event import OwnerClaimed, Pii
from contracts.ids import CallId, TenantId

LineEvent: TypeAlias = (
    line.LineRang
    | line.LineAnswered
    | line.DigitPressed
    | line.SpeechStarted
    | line.SpeechEnded
    | line.PlaybackStarted
    | line.SentencePlayed
    | line.PlaybackFinished
    | line.PlaybackCleared
    | line.LineLost
    | line.LineResumed
    | line.CarrierReported
    | line.LineEnded
)
TranscriptEvent: TypeAlias = (
    transcript.TranscriptFinalized | transcript.UtteranceMisheard | transcript.RecogniserSwitched
)
PassagesEvent: TypeAlias = passages.PassagesFound | passages.PassagesFailed
SynthesisEvent: TypeAlias = (
    synthesis.SentenceSynthesized
    | synthesis.SynthesisDropped
    | synthesis.SynthesisFailed
    | synthesis.VoiceSwitched
)
OutcomeEvent: TypeAlias = outcome.OutcomeRecorded | outcome.CallErased
WithinCall: TypeAlias = (
    dialog.PhaseEntered
    | dialog.TurnTaken
    | dialog.TurnMisheard
    | dialog.PassagesWanted
    | dialog.PassagesTaken
    | dialog.ReplyBegun
    | dialog.SentenceWritten
    | dialog.ReplyFinished
    | dialog.ReplyHeard
    | dialog.ReplyInterrupted
    | dialog.CallerLost
    | dialog.CallerReturned
    | dialog.ToolProposed
    | dialog.ToolDeclined
    | dialog.ToolRefused
    | dialog.ToolCalled
    | dialog.ToolReturned
    | dialog.ModelSwitched
    | dialog.TransferRequested
    | dialog.HangUpRequested
    | dialog.DraftDiscarded
)
DialogEvent: TypeAlias = OwnerClaimed | dialog.CallOpened | dialog.CallEnded | WithinCall
Fact: TypeAlias = LineEvent | TranscriptEvent | PassagesEvent | SynthesisEvent
ModelSaid: TypeAlias = dialog.ModelWrote | dialog.ModelFinished
CallEvent: TypeAlias = (
    LineEvent
    | TranscriptEvent
    | transcript.TranscriptDrafted
    | PassagesEvent
    | SynthesisEvent
    | OutcomeEvent
    | DialogEvent
)
Retired: TypeAlias = transcript.TranscriptFinalizedV1


class FactCause(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="fact"):
    """The fact a decision answers: its place in the log."""

    sequence: int  # stream sequence of its message
    index: int = 0  # place in the message's events, starts at 0


class FactSeen(msgspec.Struct, frozen=True):
    """A fact's message, as the actor saw it."""

    sequence: int  # stream sequence
    digest: str  # the first 16 hexadecimal digits of the SHA-256 of its stored bytes


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What makes a dialog message checkable: its place in the actor's chain and its reason."""

    n: int  # contiguous per call, starts at 1
    basis: int  # stream sequence of the newest fact the actor had seen
    cause: FactCause | dialog.InnerFact | None = None  # null: the actor was claimed
    prev: str = ""  # SHA-256 of the previous dialog message's stored bytes, hexadecimal
    state: Pii = ""  # hash of the actor's state after these events, see services/call/state.py
    facts: tuple[FactSeen, ...] = ()  # what the actor saw since its last decision, in its order
    more: tuple[ModelSaid, ...] = ()  # the model had said besides: decided behind `cause`, in order


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one append stores: one fact, or one decision with all its events."""

    by: str  # host that wrote it
    events: tuple[CallEvent, ...]  # in order; a retired version may stand in old messages
    epoch: int = 0  # of the owner that wrote it (line: the stint); 0: the family has no owner
    decision: Decision | None = None  # dialog only
    sealed: Literal["", "siv", "erased"] = ""  # siv: by the call's key; erased: as read without it


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A message with its place: stream sequence, and the time the server stored it."""

    tenant: TenantId  # whose call it is
    call: CallId  # the call
    family: str  # what its subject ends with
    sequence: int  # stream sequence, starts at 1, rises over all calls
    stored_ms: float  # UNIX time in milliseconds, clock of the server
    message: Message  # with every event lifted to its present version
    payload: bytes = b""  # as stored: what the hash chain is taken over

    def events(self) -> Iterator[tuple[int, CallEvent]]:
        """The message's events with their index, which starts at 0."""
        return enumerate(self.message.events)
