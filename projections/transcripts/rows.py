"""A row of the table transcripts, as far as events make it. Comments of its columns: table.sql."""

import msgspec

from projections.moments import Moment
from projections.past import Key


class TranscriptRow(msgspec.Struct):
    """All columns but the generated ones."""

    tenant: str
    call: str
    sequence: int
    index: int
    speaker: str = ""
    at: Moment | None = None
    turn: int | None = None
    utterance: int | None = None
    reply: int | None = None
    sentence: int | None = None
    kind: str | None = None
    text: str = ""
    language: str = ""
    confidence: float | None = None
    provider: str | None = None
    heard: str | None = None
    interrupted: bool = False
    repeated: bool = False


class Spoken(msgspec.Struct):
    """A note: the call's language."""

    tenant: str
    call: str
    language: str = ""


class UtterancePlace(msgspec.Struct):
    """A note: which row an utterance is."""

    tenant: str
    call: str
    utterance: int
    row: Key | None = None


class ReplyPlaces(msgspec.Struct):
    """A note: which rows are a reply's sentences, in their order."""

    tenant: str
    call: str
    reply: int
    turn: int | None = None
    kind: str | None = None
    rows: dict[int, Key] = {}  # by the sentence's number, which starts at 1
    confirmed: int = 0  # sentences heard for certain when the line broke
