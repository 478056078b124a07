"""The rows of one call, as the call's events make them."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec

from projections.past import Past, Place

Row = TypeVar("Row", bound=msgspec.Struct)

_TOUCHED: Final = 32  # so many rows are used before one that was not is let go: some eight turns


class Rows:
    """The rows that one projection has of one call.

    A type of row that is no table's is a note of the projection's own: it is kept as long as the
    call is followed, and made again from the log when it is followed anew.

    Of `passing` types those are let go that are stored and were not used for a while; see Past.
    """

    __slots__ = (
        *("_derived", "_full", "_passing", "_past", "_rows"),
        *("added", "call", "changed", "tenant"),
    )

    def __init__(
        self,
        tenant: str,
        call: str,
        passing: frozenset[type[msgspec.Struct]] = frozenset(),
        derived: frozenset[type[msgspec.Struct]] = frozenset(),
    ) -> None:
        """As in Projection."""
        self.tenant, self.call = tenant, call
        self._passing, self._derived = passing, derived
        self._rows: dict[Place, msgspec.Struct] = {}
        self._past: Past | None = None
        self._full = _TOUCHED  # rows at which those used longest ago are set apart
        self.changed: dict[Place, msgspec.Struct] = {}  # since they were last stored
        self.added: list[msgspec.Struct] = []  # since then: rows never looked at again

    @property
    def held(self) -> int:
        """How many there are in memory."""
        return len(self._rows) + (self._past.held if self._past is not None else 0)

    def of(self, row: type[Row], *key: Any) -> Row:
        """The row with this key, made where there is none: to be changed. Raises LetGo."""
        place = (row, *key)
        found: Any = self.changed.get(place)
        if found is None:
            found = self._rows.get(place)
            if found is None and self._past is not None:
                found = self._recalled(place)
            if found is None:
                found = self._rows[place] = row(self.tenant, self.call, *key)
            self.changed[place] = found
        return found  # type: ignore[no-any-return]

    def find(self, row: type[Row], *key: Any) -> Row | None:
        """The row with this key, only to be looked at. None: there is none. Raises LetGo."""
        place = (row, *key)
        found = self._rows.get(place)
        if found is None and self._past is not None:
            found = self._recalled(place)
        return found  # type: ignore[return-value]

    def all(self, row: type[Row]) -> Iterator[Row]:
        """Every row of a type, only to be looked at. Raises LetGo."""
        if self._past is not None:
            self._rows |= self._past.all(row)
        return (found for place, found in self._rows.items() if place[0] is row)  # type: ignore[misc]

    @property
    def news(self) -> Iterator[msgspec.Struct]:
        """What is to be stored, and notes among it."""
        return chain(self.changed.values(), self.added)

    def settle(self) -> None:
        """What was changed is stored."""
        self.changed.clear()
        self.added.clear()
        if len(self._rows) >= self._full:
            self._pass_on()

    def _pass_on(self) -> None:
        """Set those apart that were used since the last time, and let go of those set apart then.

        So each costs the same however long the call is.
        """
        passing = {place: row for place, row in self._rows.items() if place[0] in self._passing}
        self._rows = {place: row for place, row in self._rows.items() if place not in passing}
        self._full = len(self._rows) + _TOUCHED
        if self._past is None:
            self._past = Past(self._derived)
        self._past.replace(passing)

    def _recalled(self, place: Place) -> msgspec.Struct | None:
        assert self._past is not None
        found = self._past.give_back(place)
        if found is not None:
            self._rows[place] = found
        return found
