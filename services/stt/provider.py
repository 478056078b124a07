"""The port to speech recognition."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from contracts.agent import Agent


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a recogniser can do; the service decides by these, never by a vendor's name."""

    interim: bool  # gives drafts while the caller speaks
    end_of_turn: bool  # says itself when a turn is over; else silence decides
    continuous: bool  # wants all frames, silence included; else speech only, with a lead-in


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What was recognised of the present turn."""

    text: str  # the turn's words so far, not only the newest; empty: nothing understood
    final: bool = False  # the words will not change, and the turn is over
    confidence: float = 1.0  # 0..1; 1.0 where the provider gives none
    language: str = ""  # BCP 47, where known


class RecognitionFailed(Exception):
    """A recogniser failed. Raised `from None`: its own message may carry the caller's words."""

    def __init__(self, provider: str, kind: str, *, retryable: bool) -> None:
        super().__init__(f"{provider}: {kind}")
        self.provider, self.kind, self.retryable = provider, kind, retryable


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
