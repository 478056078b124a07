"""Which of the passages found are worth an answer, and in which order."""

from collections.abc import Sequence
from typing import Final

from contracts.passages import Passage

_TAIL: Final = 0.3  # of the best score: below, a passage shares a common word and no more
_EQUAL: Final = 0.9  # of the best score: above, scores differ by the texts' length, not by meaning


def ranked(found: Sequence[Passage]) -> tuple[Passage, ...]:
    """Best first. Equals stand as in their documents, where the general precedes the special."""
    if not found:
        return ()
    best = max(passage.score for passage in found)
    equals = [passage for passage in found if passage.score >= best * _EQUAL]
    others = [passage for passage in found if best * _TAIL <= passage.score < best * _EQUAL]
    return (
        *sorted(equals, key=lambda passage: passage.chunk),
        *sorted(others, key=lambda passage: -passage.score),
    )
