"""Rows of a call that nothing has used for a while, and what is known of those let go.

A call of an hour has thousands of rows, and an event is about the newest. Once a row is stored it
is in memory only for an event that changes it once more. Should one come so late that its row was
let go, the call is read again from the log, as one that is not in memory.
"""

from typing import Any, TypeAlias

import msgspec

Key: TypeAlias = tuple[Any, ...]
"""A row's key behind the call; empty where a call has one row of the type."""

ByType: TypeAlias = dict[type[msgspec.Struct], dict[Key, msgspec.Struct]]
"""Rows by their type and key."""


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
        self._rows: ByType = {}
        self._gone: dict[type[msgspec.Struct], tuple[Key, Key]] = {}

    @property
    def held(self) -> int:
        """How many there are."""
        return count(self._rows)

    def replace(self, rows: ByType) -> None:
        """Let go of all, and have these instead."""
        for row, keys in self._rows.items():
            if row not in self._derived and keys:
                rising = [_rising(key) for key in keys]
                first, last = self._gone.get(row, (rising[0], rising[0]))
                self._gone[row] = min(first, *rising), max(last, *rising)
        self._rows = rows

    def give_back(self, row: type[msgspec.Struct], key: Key) -> msgspec.Struct | None:
        """It is not here any more. None: there never was such a row. Raises LetGo."""
        there = self._rows.get(row)
        found = there.pop(key, None) if there is not None else None
        if found is None and (gone := self._gone.get(row)) is not None:
            first, last = gone
            if first <= _rising(key) <= last:
                raise LetGo
        return found

    def all(self, row: type[msgspec.Struct]) -> dict[Key, msgspec.Struct]:
        """All rows of a type: they are not here any more. Raises LetGo."""
        if row in self._gone:
            raise LetGo
        return self._rows.pop(row, {})


def count(rows: ByType) -> int:
    """How many there are."""
    return sum(map(len, rows.values()))


def _rising(key: Key) -> Key:
    """The key in an order in which run-10 comes after run-9."""
    return tuple((len(part), part) if isinstance(part, str) else part for part in key)
