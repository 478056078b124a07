"""Whole calls, folded from all that the log has of them."""

from collections.abc import Iterable, Sequence

from projections.call_fold import CallFold, Readers, Refused
from projections.reading import Place, Stored


def folded(
    place: Place, readers: Readers, messages: Sequence[Stored]
) -> tuple[CallFold, list[Refused]]:
    """The call after its messages, and what was refused of them.

    Of a projection that can't take one it has the rows of before.
    """
    fold, refused = CallFold(place, readers), []
    for stored in messages:
        for each in fold.take(stored):
            refused.append(each)
            _put_back(fold, each, messages)
    return fold, refused


def _put_back(fold: CallFold, refused: Refused, messages: Iterable[Stored]) -> None:
    others = {each.name for each in fold.readers.projections} - {refused.projection}
    before = CallFold(fold.place, fold.readers, others)
    for stored in messages:
        if stored.sequence < refused.sequence:
            before.take(stored)
    if rows := before.rows.get(refused.projection):
        fold.left[refused.projection] = rows
