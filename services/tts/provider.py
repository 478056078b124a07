"""The port to speech synthesis."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from contracts.dialog import Voice


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a synthesiser can do; the service decides by these, never by a vendor's name."""

    streaming: bool  # gives audio before the sentence is done


class SynthesisError(Exception):
    """A synthesiser failed. Raised `from None`: its own message may carry the caller's words."""

    def __init__(self, provider: str, kind: str, *, retryable: bool) -> None:
        super().__init__(f"{provider}: {kind}")
        self.provider, self.kind, self.retryable = provider, kind, retryable


class TextToSpeech(Protocol):
    """A synthesiser for many calls."""

    name: str
    capabilities: Capabilities

    def speak(self, text: str, voice: Voice) -> AsyncIterator[bytes]:
        """Audio of one sentence as it comes: mu-law, 8 kHz, mono, chunks of any length.

        Closing the iterator early stops the synthesis and its cost.
        Raises: SynthesisError; retryable when the same call may succeed later.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...
