"""What the caller said, as the recogniser heard it.

subject  call.<tenant>.<call>.transcript    stream  CALLS
written  services/stt                       read    services/dialog, projections
"""

from typing import Literal

from contracts.event import Event, Pii, Stage


class TranscriptDrafted(Event, frozen=True, kw_only=True, tag="transcript.drafted/1"):
    """The recogniser's present guess. Live only: never stored."""

    utterance: int  # number of the utterance in the call, starts at 1
    text: Pii  # the turn's words so far
    eager: bool = False  # the turn is probably over; a later draft without it takes that back


class TranscriptFinalized(Event, frozen=True, kw_only=True, tag="transcript.finalized/2"):
    """The recogniser will not change this text again, and the caller's turn is over."""

    utterance: int  # the last utterance of the turn
    text: Pii  # the turn's words
    confidence: float  # 0..1; 1.0 where the provider gives none
    speech_ended_ms: int  # UNIX time in milliseconds of the end of speech
    provider: str = ""  # the recogniser that heard it
    language: str = ""  # BCP 47, where the provider tells


class TranscriptFinalizedV1(Event, frozen=True, kw_only=True, tag="transcript.finalized/1"):
    """Retired. Measured in seconds and had no confidence."""

    utterance: int  # the last utterance of the turn
    text: Pii  # the turn's words
    speech_ended_s: float  # UNIX time in seconds


class UtteranceMisheard(Event, frozen=True, kw_only=True, tag="transcript.misheard/1"):
    """The caller spoke and no words could be made of it."""

    utterance: int
    reason: Literal["nothing", "unsure", "provider_failed"]  # no words, unsure ones, no recogniser
    speech_ended_ms: int
    provider: str = ""


class RecogniserSwitched(Event, frozen=True, kw_only=True, tag="transcript.switched/1"):
    """Another recogniser listens: the one before it failed. It was given the present turn again."""

    utterance: int  # the newest that had begun; 0: none yet
    from_provider: str  # the one that is left
    to_provider: str  # the one that listens instead
    kind: str  # the error's class, never its text
    stage: Stage  # how far the one that is left had come with the turn
    wait_ms: float = 0.0  # for an answer that did not come; 0: none was awaited
