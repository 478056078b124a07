"""Rows of a call that nothing has used for a while, and what is known of those let go.

A call of an hour has thousands of rows, and an event is about the newest. Once a row is stored it
is in memory only for an event that changes it once more. Should one come so late that its row was
let go, the call is read again from the log, as one that is not in memory.
"""

from typing import Any, TypeAlias

import msgspec

Place: TypeAlias = tuple[Any, ...]
"""A row's type, and its key behind the call."""


class LetGo(Exception):
    """A row is asked for which may be one of those let go: the call has to be read anew."""


class Past:
    """Rows set apart, to be given back or let go.

    Of those let go only the first and the last key is kept, by type: one that lies between may have
    been there. As they are numbers that rise, what is new lies behind.
    """

    __slots__ = ("_derived", "_gone", "_rows")

    def __init__(self, derived: frozenset[type[msgspec.Struct]]) -> None:
        """`derived`: types of rows that are made again whole, and so not missed."""
        self._derived = derived
        self._rows: dict[Place, msgspec.Struct] = {}
        self._gone: dict[type[msgspec.Struct], tuple[Place, Place]] = {}

    @property
    def held(self) -> int:
        """How many there are."""
        return len(self._rows)

    def replace(self, rows: dict[Place, msgspec.Struct]) -> None:
        """Let go of all, and have these instead."""
        for row, *key in self._rows:
            if row not in self._derived:
                at = _rising(key)
                first, last = self._gone.get(row, (at, at))
                self._gone[row] = min(first, at), max(last, at)
        self._rows = rows

    def give_back(self, place: Place) -> msgspec.Struct | None:
        """It is not here any more. None: there never was such a row. Raises LetGo."""
        found = self._rows.pop(place, None)
        if found is None and (gone := self._gone.get(place[0])) is not None:
            first, last = gone
            if first <= _rising(place[1:]) <= last:
                raise LetGo
        return found

    def all(self, row: type[msgspec.Struct]) -> dict[Place, msgspec.Struct]:
        """All rows of a type: they are not here any more. Raises LetGo."""
        if row in self._gone:
            raise LetGo
        return {place: self._rows.pop(place) for place in list(self._rows) if place[0] is row}


def _rising(key: Any) -> Place:
    """The key in an order in which run-10 comes after run-9."""
    return tuple((len(part), part) if isinstance(part, str) else part for part in key)
