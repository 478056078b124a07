"""A row of the table turns, as far as events make it. Its columns' comments are in table.sql."""

from projections.turn_rows import TurnTimes


class TurnRow(TurnTimes):
    """All columns but the generated ones."""

    utterance: int | None = None
    said: str | None = None
    intent: str | None = None
    kind: str | None = None
    slots: dict[str, str] | None = None
    confidence: float | None = None
    failures: int | None = None
    reply_kind: str | None = None
    replies: int = 0
    written: str | None = None
    heard: str | None = None
    interrupted: bool = False
    sources: list[str] = []
    top_score: float | None = None
    tools: list[str] = []
