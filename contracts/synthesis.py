"""Sentences turned into audio.

subject  call.<tenant>.<call>.synthesis    stream  CALLS
written  services/tts                      read    services/dialog, projections
"""

from contracts.event import Event, Stage


class SentenceSynthesized(Event, frozen=True, kw_only=True, tag="synthesis.synthesized/1"):
    """All audio of a sentence was published."""

    reply: int
    sentence: int
    audio_ms: int  # length of the audio published
    first_audio_ms: float  # from taking up the sentence to its first audio
    took_ms: float  # from taking up the sentence to its last audio
    characters: int  # in the sentence
    provider: str  # the synthesiser that spoke it
    cached: bool = False  # true: taken from the cache, nothing was synthesised
    # When each word ends, from the sentence's beginning; words are what white space separates.
    word_ends_ms: tuple[int, ...] = ()  # empty: the synthesiser does not tell


class SynthesisDropped(Event, frozen=True, kw_only=True, tag="synthesis.dropped/1"):
    """A sentence was given up: its reply was interrupted or its writer was no longer the owner."""

    reply: int
    sentence: int
    audio_ms: int  # published before it was given up


class SynthesisFailed(Event, frozen=True, kw_only=True, tag="synthesis.failed/1"):
    """A sentence could not be spoken."""

    reply: int
    sentence: int
    kind: str  # the error's class or the provider's code, never its text
    provider: str  # the synthesiser that failed


class VoiceSwitched(Event, frozen=True, kw_only=True, tag="synthesis.switched/1"):
    """Another voice goes on with a sentence: the one before it failed."""

    reply: int
    sentence: int
    from_provider: str  # the one that is left
    to_provider: str  # the one that speaks instead
    kind: str  # the error's class or the provider's code, never its text
    stage: Stage  # how far the one that is left had come
    wait_ms: float = 0.0  # since the last that came of it, or since it was asked
    audio_ms: int = 0  # of the sentence published by then: the other voice says only the rest
