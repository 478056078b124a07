"""Rows of knowledge_use and knowledge_questions. Their columns' comments are in table.sql."""

import msgspec

from projections.moments import Moment


class PassageRow(msgspec.Struct):
    """All columns of knowledge_use."""

    tenant: str
    call: str
    turn: int
    rank: int
    document: str = ""
    chunk: int = 0
    title: str = ""
    score: float = 0.0
    used: bool = False
    found_at: Moment | None = None


class QuestionRow(msgspec.Struct):
    """All columns of knowledge_questions."""

    tenant: str
    call: str
    turn: int
    question: str | None = None
    agent: str | None = None
    revision: int | None = None
    asked_at: Moment | None = None
    found: int | None = None
    used: int = 0
    top_score: float | None = None
    top_document: str | None = None
    late: bool = False
    failure: str | None = None
    took_ms: float | None = None
    reply_kind: str | None = None
    transferred_after: bool = False
