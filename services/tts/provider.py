"""The port to speech synthesis."""

from collections.abc import AsyncIterator
from typing import Protocol, TypeAlias

import msgspec

from contracts.dialog import Voice
from infra.outside import OutsideFailed


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a synthesiser can do; the service decides by these, never by a vendor's name."""

    streaming: bool  # gives audio before the sentence is done
    word_times: bool = False  # says when each word is spoken
    languages: tuple[str, ...] = ()  # ISO 639-1; empty: many, or those of the voice
    formats: tuple[str, ...] = ("mulaw/8000",)  # of audio it sends; `speak` gives mu-law


class WordTimes(msgspec.Struct, frozen=True):
    """When the words of a sentence end. Told once, with or behind the last of its audio."""

    ends_ms: tuple[
        int, ...
    ]  # from the beginning of the audio; words are what white space separates


Piece: TypeAlias = bytes | WordTimes
"""Of a sentence: sound, or the times of its words."""


class SynthesisError(OutsideFailed):
    """A synthesiser failed."""


class TextToSpeech(Protocol):
    """A synthesiser for many calls."""

    name: str
    capabilities: Capabilities

    def speak(self, text: str, voice: Voice) -> AsyncIterator[Piece]:
        """Audio of one sentence as it comes: mu-law, 8 kHz, mono, chunks of any length.

        A synthesiser with word times tells them once; it tells none rather than wrong ones.
        Closing the iterator early stops the synthesis and its cost.
        Raises: SynthesisError; retryable when the same call may succeed later.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...
