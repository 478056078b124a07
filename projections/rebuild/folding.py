"""Whole calls, folded from all that the log has of them."""

from collections.abc import Iterable, Sequence

from projections.call_fold import CallFold, Readers, Refused, folded
from projections.reading import Place, Stored


def folded_as_taken(
    place: Place, readers: Readers, messages: Sequence[Stored]
) -> tuple[CallFold, list[Refused]]:
    """The call after its messages, and what was refused of them.

    Of a projection that can't take one it has the rows of before.
    """
    fold, refused = folded(place, readers, messages)
    for each in refused:
        _put_back(fold, each, messages)
    return fold, refused


def _put_back(fold: CallFold, refused: Refused, messages: Iterable[Stored]) -> None:
    others = {each.name for each in fold.readers.projections} - {refused.projection}
    taken = [each for each in messages if each.sequence < refused.sequence]
    before, _ = folded(fold.place, fold.readers, taken, others)
    if rows := before.rows.get(refused.projection):
        fold.left[refused.projection] = rows
