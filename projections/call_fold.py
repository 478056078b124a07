"""One call as several projections see it."""

from collections.abc import Callable, Collection, Iterable, Sequence
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


Reader: TypeAlias = tuple[int, Callable[[Rows, Recorded, int, Any], None]]
"""Which of the projections it is, and what it does with an event."""


class Readers:
    """Which projections want which events."""

    def __init__(self, projections: Iterable[Projection]) -> None:
        self.projections: Final = tuple(projections)
        self.order: Final = {each.name: nth for nth, each in enumerate(self.projections)}
        self._by_event: dict[type[Any], tuple[Reader, ...]] = {}

    def of(self, event: type[Any]) -> "tuple[Reader, ...]":
        """Those that read events of this type."""
        found = self._by_event.get(event)
        if found is None:
            found = self._by_event[event] = tuple(
                (nth, each.project)
                for nth, each in enumerate(self.projections)
                if event in each.reads
            )
        return found


class CallFold:
    """The rows of one call in all projections of a group, but those that do not follow it."""

    __slots__ = ("_rows", "anew", "last", "left", "over", "place", "readers")

    def __init__(self, place: Place, readers: Readers, without: Collection[str] = ()) -> None:
        self.place, self.readers = place, readers
        tenant, call = place
        self._rows = [  # in the projections' order
            None if each.name in without else Rows(tenant, call, each.passing, each.derived)
            for each in readers.projections
        ]
        self.left: dict[str, Rows] = {}  # of those that just let go, as they were before
        self.last = 0  # stream sequence of the newest message folded
        self.over = False  # the call has ended
        self.anew = False  # what is stored of it is to be deleted first

    @property
    def rows(self) -> dict[str, Rows]:
        """By the names of those that follow the call."""
        return {
            each.name: rows
            for each, rows in zip(self.readers.projections, self._rows, strict=True)
            if rows is not None
        }

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
            for nth, project in self.readers.of(type(event)):
                rows = self._rows[nth]
                if rows is None:
                    continue
                try:
                    project(rows, stored, index, event)
                except LetGo:
                    raise
                except Exception as failure:  # whatever one message does must not stop other calls
                    refused.append(self._refuse(nth, stored, type(failure).__name__))
        return refused

    def rows_of(self, projection: Projection) -> Rows | None:
        """What is to be stored. None: the projection does not follow the call."""
        rows = self._rows[self.readers.order[projection.name]] or self.left.get(projection.name)
        if rows is not None and rows.changed and projection.derive is not None:
            projection.derive(rows)
        return rows

    def let_go(self, name: str) -> None:
        """A projection follows the call no more."""
        self._rows[self.readers.order[name]] = None

    def make_anew(self, anew: "CallFold") -> None:
        """Let the rows be those of another fold of the call, and what is stored be deleted."""
        follows = self.rows
        self.left = {name: rows for name, rows in anew.rows.items() if name not in follows}
        for name, nth in self.readers.order.items():
            self._rows[nth] = anew._rows[nth] if name in follows else None
        self.anew = True

    def settle(self) -> None:
        """What was changed is stored."""
        self.anew = False
        self.left.clear()
        for rows in self._rows:
            if rows is not None:
                rows.settle()

    def _refuse(self, nth: int, stored: Recorded, error: str) -> Refused:
        self._rows[nth] = None
        return Refused(self.readers.projections[nth].name, self.place, stored.sequence, error)

    def _refuse_all(self, sequence: int, error: str) -> list[Refused]:
        refused = [Refused(name, self.place, sequence, error) for name in self.rows]
        self._rows = [None] * len(self._rows)
        return refused


def folded(
    place: Place, readers: Readers, history: Sequence[Stored], without: Collection[str] = ()
) -> tuple[CallFold, list[Refused]]:
    """The call after its messages, and what was refused of them."""
    fold = CallFold(place, readers, without)
    refused = [each for stored in history for each in fold.take(stored)]
    return fold, refused
