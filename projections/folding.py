"""The rows of one call, as the call's events make them."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec

from projections.past import ByType, Key, Past, count

Row = TypeVar("Row", bound=msgspec.Struct)

_TOUCHED: Final = 32  # so many rows are used before one that was not is let go: some eight turns


class Rows:
    """The rows that one projection has of one call.

    A type of row that is no table's is a note of the projection's own: it is kept as long as the
    call is followed, and made again from the log when it is followed anew.

    Of `passing` types those are let go that are stored and were not used for a while; see Past.
    """

    __slots__ = (
        *("_derived", "_full", "_passing", "_past", "_place", "_rows"),
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
        self._place: Key = (tenant, call)  # what a row begins with
        self._passing, self._derived = passing, derived
        self._rows: ByType = {}  # as they are stored
        self._past: Past | None = None
        self._full = _TOUCHED  # rows at which those used longest ago are set apart
        self.changed: ByType = {}  # since they were last stored
        self.added: list[msgspec.Struct] = []  # since then: rows never looked at again

    @property
    def held(self) -> int:
        """How many there are in memory, but those that are yet to be stored for the first time."""
        return count(self._rows) + (self._past.held if self._past is not None else 0)

    def of(self, row: type[Row], *key: Any) -> Row:
        """The row with this key, made where there is none: to be changed. Raises LetGo."""
        return self.at(row, key)

    def at(self, row: type[Row], key: Key) -> Row:
        """The same, of a key that is a tuple already."""
        changed = self.changed.get(row)
        if changed is None:
            changed = self.changed[row] = {}
        found: Any = changed.get(key)
        if found is None:
            found = self._unchanged(row, key)
            if found is None:
                found = row(*(self._place + key))
            changed[key] = found
        return found  # type: ignore[no-any-return]

    def put(self, row: msgspec.Struct, *key: Any) -> None:
        """A whole row, whether or not there is one with this key."""
        self.changed.setdefault(type(row), {})[key] = row

    def find(self, row: type[Row], *key: Any) -> Row | None:
        """The row with this key, only to be looked at. None: there is none. Raises LetGo."""
        changed = self.changed.get(row)
        found = changed.get(key) if changed is not None else None
        if found is None:
            found = self._unchanged(row, key)
        return found  # type: ignore[return-value]

    def known(self, row: type[Row], *key: Any) -> Row | None:
        """The row with this key, to be changed. None: there is none. Raises LetGo."""
        changed = self.changed.get(row)
        found: Any = changed.get(key) if changed is not None else None
        if found is None:
            found = self._unchanged(row, key)
            if found is not None:
                self.changed.setdefault(row, {})[key] = found
        return found  # type: ignore[no-any-return]

    def all(self, row: type[Row]) -> Iterable[Row]:
        """Every row of a type, only to be looked at. Raises LetGo."""
        unchanged = self._rows.setdefault(row, {})
        if self._past is not None:
            unchanged |= self._past.all(row)
        return (unchanged | self.changed.get(row, {})).values()  # type: ignore[return-value]

    def changed_of(self, row: type[Row]) -> Iterable[Row]:
        """Those of a type that are to be stored."""
        return self.changed.get(row, {}).values()  # type: ignore[return-value]

    @property
    def news(self) -> Iterator[msgspec.Struct]:
        """What is to be stored, and notes among it."""
        return chain(*(each.values() for each in self.changed.values()), self.added)

    def settle(self) -> None:
        """What was changed is stored."""
        for row, changed in self.changed.items():
            self._rows.setdefault(row, {}).update(changed)
        self.changed.clear()
        self.added.clear()
        if count(self._rows) >= self._full:
            self._pass_on()

    def _pass_on(self) -> None:
        """Set those apart that were used since the last time, and let go of those set apart then.

        So each costs the same however long the call is.
        """
        passing = {row: self._rows.pop(row) for row in self._passing if row in self._rows}
        self._full = count(self._rows) + _TOUCHED
        if self._past is None:
            self._past = Past(self._derived)
        self._past.replace(passing)

    def _unchanged(self, row: type[msgspec.Struct], key: Key) -> msgspec.Struct | None:
        stored = self._rows.get(row)
        found = stored.get(key) if stored is not None else None
        if found is None and self._past is not None:
            found = self._past.give_back(row, key)
            if found is not None:
                self._rows.setdefault(row, {})[key] = found
        return found
