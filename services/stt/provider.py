"""The port to speech recognition."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from contracts.agent import Agent
from infra.outside import OutsideFailed


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a recogniser can do; the service decides by these, never by a vendor's name."""

    interim: bool  # gives drafts while the caller speaks
    end_of_turn: bool  # says itself when a turn is over; else silence decides
    continuous: bool  # wants all frames, silence included; else speech only, with a lead-in
    eager: bool = False  # says when a turn is probably over, before it is sure: `Heard.eager`
    word_times: bool = False  # knows when each word was said
    languages: tuple[str, ...] = ()  # ISO 639-1; empty: many, see the vendor's list
    formats: tuple[str, ...] = ("mulaw/8000",)  # of audio it is sent; ears take mu-law and convert


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What was recognised of the present turn."""

    text: str  # the turn's words so far, not only the newest; empty: nothing understood
    final: bool = False  # the words will not change, and the turn is over
    # Not final, yet the turn is probably over: an answer may be prepared. Any later draft without
    # it takes that back; the final that follows otherwise has the same words.
    eager: bool = False
    confidence: float = 1.0  # 0..1; 1.0 where the provider gives none
    language: str = ""  # BCP 47, where known


class RecognitionFailed(OutsideFailed):
    """A recogniser failed."""


class Ear(Protocol):
    """One call's recogniser."""

    def feed(self, frame: bytes) -> None:
        """Take 20 ms of mu-law, 8 kHz (160 bytes). Never blocks, never raises."""
        ...

    def finish(self) -> None:
        """The turn is over by silence: give the final words of what was fed since the last."""
        ...

    def heard(self) -> AsyncIterator[Heard]:
        """What is recognised, until `close`. Exactly one final follows each `finish`.

        Raises: RecognitionFailed; retryable when a fresh ear may succeed.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes. Safe to call twice."""
        ...


class SpeechToText(Protocol):
    """A recogniser for many calls."""

    name: str
    capabilities: Capabilities

    async def open(self, agent: Agent, language: str) -> Ear:
        """An ear for one call. Raises RecognitionFailed."""
        ...

    async def close(self) -> None:
        """Let go of what the calls shared."""
        ...
