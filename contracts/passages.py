"""What the knowledge holds about a question.

subject  call.<tenant>.<call>.passages    stream  CALLS
written  services/rag                     read    services/dialog, projections
"""

import msgspec

from contracts.event import Event
from contracts.ids import DocumentId


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a document that may hold the answer."""

    document: DocumentId  # id of the document
    chunk: int  # place in the document, starts at 0
    title: str  # headings above the piece, outermost first, joined by ' > '
    text: str  # the piece itself, as written in the document
    score: float  # the store's own measure, higher is nearer


class PassagesFound(Event, frozen=True, kw_only=True, tag="passages.found/1"):
    """The best passages for a turn's question, best first; empty when nothing fits."""

    turn: int
    passages: tuple[Passage, ...]  # best first; empty: nothing fits
    took_ms: float  # from taking up the question to the passages


class PassagesFailed(Event, frozen=True, kw_only=True, tag="passages.failed/1"):
    """The knowledge could not be asked."""

    turn: int
    kind: str  # the error's class, never its text
