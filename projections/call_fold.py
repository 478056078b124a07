"""One call as several projections see it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from contracts.dialog import CallEnded
from contracts.recorded import Recorded
from projections.folding import Rows
from projections.past import LetGo
from projections.projection import Projection
from projections.reading import Place, Stored


class Refused(NamedTuple):
    """A message that a projection can't take."""

    projection: str
    place: Place
    sequence: int
    error: str  # its kind


Reader: TypeAlias = tuple[str, Callable[[Rows, Recorded, int, Any], None]]


class Readers:
    """Which projections want which events."""

    def __init__(self, projections: Iterable[Projection]) -> None:
        self.projections: Final = tuple(projections)
        self._by_event: dict[type[Any], tuple[Reader, ...]] = {}

    def of(self, event: type[Any]) -> "tuple[Reader, ...]":
        """Those that read events of this type: their names, and what they do with one."""
        found = self._by_event.get(event)
        if found is None:
            reading = (each for each in self.projections if event in each.reads)
            found = self._by_event[event] = tuple((each.name, each.project) for each in reading)
        return found


class CallFold:
    """The rows of one call in all projections of a group, but those that do not follow it."""

    __slots__ = ("anew", "last", "left", "over", "place", "readers", "rows")

    def __init__(self, place: Place, readers: Readers, without: Iterable[str] = ()) -> None:
        self.place, self.readers = place, readers
        tenant, call = place
        self.rows = {
            each.name: Rows(tenant, call, each.passing, each.derived)
            for each in readers.projections
        }
        for name in without:
            self.rows.pop(name, None)
        self.left: dict[str, Rows] = {}  # of those that just let go, as they were before
        self.last = 0  # stream sequence of the newest message folded
        self.over = False  # the call has ended
        self.anew = False  # what is stored of it is to be deleted first

    def take(self, stored: Stored) -> list[Refused]:
        """Fold in a message. A projection that can't take it lets go of the call.

        Raises LetGo: what rows there are is not to be used any more.
        """
        self.last = stored.sequence
        if not isinstance(stored, Recorded):
            return self._refuse_all(stored.sequence, stored.error)
        refused: list[Refused] = []
        for index, event in enumerate(stored.message.events):
            if type(event) is CallEnded:
                self.over = True
            for name, project in self.readers.of(type(event)):
                rows = self.rows.get(name)
                if rows is None:
                    continue
                try:
                    project(rows, stored, index, event)
                except LetGo:
                    raise
                except Exception as failure:  # whatever one message does must not stop other calls
                    refused.append(self._refuse(name, stored, type(failure).__name__))
        return refused

    def rows_of(self, projection: Projection) -> Rows | None:
        """What is to be stored. None: the projection does not follow the call."""
        rows = self.rows.get(projection.name) or self.left.get(projection.name)
        if rows is not None and rows.changed and projection.derive is not None:
            projection.derive(rows)
        return rows

    def settle(self) -> None:
        """What was changed is stored."""
        self.anew = False
        self.left.clear()
        for rows in self.rows.values():
            rows.settle()

    def _refuse(self, name: str, stored: Recorded, error: str) -> Refused:
        del self.rows[name]
        return Refused(name, self.place, stored.sequence, error)

    def _refuse_all(self, sequence: int, error: str) -> list[Refused]:
        refused = [Refused(name, self.place, sequence, error) for name in self.rows]
        self.rows.clear()
        return refused


def folded(
    place: Place, readers: Readers, history: Sequence[Stored], without: Iterable[str] = ()
) -> tuple[CallFold, list[Refused]]:
    """The call after its messages, and what was refused of them."""
    fold = CallFold(place, readers, without)
    refused = [each for stored in history for each in fold.take(stored)]
    return fold, refused
