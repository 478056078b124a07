"""A row of interruptions, as far as events make it, and the notes it is made from."""

import msgspec

from projections.moments import Moment


class InterruptionRow(msgspec.Struct):
    """All columns but the generated ones. Their comments are in table.sql."""

    tenant: str
    call: str
    reply: int
    turn: int | None = None
    kind: str | None = None
    cause: str = ""
    at: Moment | None = None
    sentence: int = 0
    sentences: int = 0
    played_ms: int = 0
    heard: str = ""
    resumed: bool = False
    utterance: int | None = None
    spoke_at: Moment | None = None
    cut_at: Moment | None = None
    next_turn: int | None = None
    next_kind: str | None = None
    next_said: str | None = None


class ReplyNote(msgspec.Struct):
    """What is known of a reply before it is given up."""

    tenant: str
    call: str
    reply: int
    turn: int | None = None
    kind: str | None = None
    sentences: int = 0
    cause: str = ""  # of its being cut, once the gateway has
    cut_at: Moment | None = None
    utterance: int | None = None  # that began over it
    spoke_at: Moment | None = None


class SpeechNote(msgspec.Struct):
    """An utterance that began over a reply."""

    tenant: str
    call: str
    utterance: int
    reply: int = 0
    first_frame: int = 0


class CallNote(msgspec.Struct):
    """Where the call stands."""

    tenant: str
    call: str
    away: bool = False  # the line is broken
    open: list[int] = []  # replies given up since the newest turn
