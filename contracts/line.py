"""The caller's leg, as the gateway sees it.

subject  call.<tenant>.<call>.line    stream  CALLS
written  services/gateway             read    services/stt, services/dialog, projections
"""

from typing import Annotated, Literal

import msgspec

from contracts.event import PII, AgentRef, Event, Pii

Variables = dict[str, Annotated[str, msgspec.Meta(extra={PII: True})]]

EndReason = Literal[
    "caller_hung_up",
    "agent_hung_up",
    "transferred",
    "inactivity",
    "duration",
    "media_lost",
    "line_lost",
    "refused",
    "unanswered",
    "bus_lost",
    "shutdown",
]


class LineRang(Event, frozen=True, kw_only=True, tag="line.rang/1"):
    """A carrier offered a call and the gateway took it."""

    carrier: str  # twilio, loopback...
    carrier_call: str  # the carrier's own id of the call (Twilio: CallSid)
    direction: Literal["inbound", "outbound"] = "inbound"  # outbound: the agent calls
    caller: Pii = ""  # number or address of the person, as the carrier gave it
    called: Pii = ""  # number or address that was called
    agent: AgentRef  # the revision this call keeps
    variables: Variables = {}  # dynamic variables for prompts and phrases


class LineAnswered(Event, frozen=True, kw_only=True, tag="line.answered/1"):
    """Audio flows in both directions."""

    stream: str  # the carrier's id of the media stream (Twilio: StreamSid)


class DigitPressed(Event, frozen=True, kw_only=True, tag="line.digit_pressed/1"):
    """The caller pressed a key (DTMF)."""

    digit: Pii  # 0-9, *, #, A-D


class SpeechStarted(Event, frozen=True, kw_only=True, tag="line.speech_started/1"):
    """The caller began to speak, by the gateway's voice activity detection."""

    utterance: int  # number of the utterance in the call, starts at 1
    first_frame: int  # number of the first loud caller frame
    over_reply: int = 0  # the reply spoken over (barge-in); 0: the agent was silent


class SpeechEnded(Event, frozen=True, kw_only=True, tag="line.speech_ended/1"):
    """The caller fell silent; the turn may still go on."""

    utterance: int
    last_frame: int  # number of the last loud caller frame
    ended_ms: int  # UNIX time in milliseconds at which that last loud frame arrived


class PlaybackStarted(Event, frozen=True, kw_only=True, tag="line.playback_started/1"):
    """The first audio of a reply went to the carrier."""

    reply: int  # number of the reply in the call, starts at 1


class SentencePlayed(Event, frozen=True, kw_only=True, tag="line.sentence_played/1"):
    """The carrier confirmed that a sentence was played out, and the reply goes on."""

    reply: int
    sentence: int  # number of the sentence in its reply, starts at 1


class PlaybackFinished(Event, frozen=True, kw_only=True, tag="line.playback_finished/1"):
    """The carrier confirmed that the whole reply was played out."""

    reply: int


class PlaybackCleared(Event, frozen=True, kw_only=True, tag="line.playback_cleared/1"):
    """The rest of a reply was thrown away before the caller heard it."""

    reply: int
    sentence: int  # the sentence that was cut; those before it were heard whole
    played_ms: int  # how much of that sentence was played, from the carrier's marks
    sentence_ms: int  # how much of it had been sent in all
    whole: bool = True  # false: its synthesis was still under way, so it is longer than sent
    left_out: bool = False  # nobody cut it: a part of it never came, and the rest was heard
    words: int | None = None  # of that sentence, heard to their end; None: no word times were known


class LineLost(Event, frozen=True, kw_only=True, tag="line.lost/1"):
    """The media connection broke without a goodbye; the caller may come back."""

    reason: str  # what broke, in a word or two; never what was said
    reply: int = 0  # the reply the caller was hearing; 0: none
    sentence: int = 0  # of that reply, the last sentence the carrier confirmed as played; 0: none
    planned: bool = False  # the gateway gave the line to another one on purpose


class LineResumed(Event, frozen=True, kw_only=True, tag="line.resumed/1"):
    """The same caller's media came back on a new stream."""

    stream: str  # the carrier's id of the new media stream
    stint: int = 2  # how often audio began to flow in this call, this time counted
    unbroken: bool = False  # its gateway had it all the while and was only thought dead


class CarrierReported(Event, frozen=True, kw_only=True, tag="line.carrier_reported/1"):
    """A status callback of the carrier."""

    status: str  # Twilio CallStatus: initiated, ringing, in-progress, completed...
    sequence: int  # the carrier's own number of this report
    duration_s: int | None = None  # billed seconds, with the last report


class LineEnded(Event, frozen=True, kw_only=True, tag="line.ended/1"):
    """The caller's leg is over. Nothing follows on it."""

    reason: EndReason  # who or what ended it
    frames: int = 0  # caller frames received
    late_frames: int = 0  # of those, later than 20 ms behind the carrier's own time stamps
    dropped_messages: int = 0  # carrier messages refused as malformed
