"""The rows of one call, as the call's events make them."""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)
Key = tuple[Any, ...]


class Rows:
    """The rows that one projection has of one call.

    A type of row that is no table's is a note of the projection's own: it is kept as long as the
    call is followed, and made again from the log when it is followed anew.
    """

    __slots__ = ("_rows", "call", "changed", "tenant")

    def __init__(self, tenant: str, call: str) -> None:
        self.tenant, self.call = tenant, call
        self._rows: dict[Key, msgspec.Struct] = {}
        self.changed: dict[Key, msgspec.Struct] = {}  # since they were last stored

    def of(self, row: type[Row], *key: Any) -> Row:
        """The row with this key, made where there is none: to be changed."""
        place = (row, *key)
        found: Any = self.changed.get(place)
        if found is None:
            found = self._rows.get(place)
            if found is None:
                found = self._rows[place] = row(self.tenant, self.call, *key)
            self.changed[place] = found
        return found  # type: ignore[no-any-return]

    def known(self, row: type[Row], *key: Any) -> Row | None:
        """The row with this key, to be changed. None: there is none."""
        place = (row, *key)
        found: Any = self.changed.get(place)
        if found is None and (found := self._rows.get(place)) is not None:
            self.changed[place] = found
        return found  # type: ignore[no-any-return]

    def find(self, row: type[Row], *key: Any) -> Row | None:
        """The row with this key, only to be looked at. None: there is none."""
        return self._rows.get((row, *key))  # type: ignore[return-value]

    def all(self, row: type[Row]) -> Iterator[Row]:
        """Every row of a type, only to be looked at, in the order they were made."""
        return (found for place, found in self._rows.items() if place[0] is row)  # type: ignore[misc]

    def add(self, row: msgspec.Struct, *key: Any) -> None:
        """A row that is never looked at again. `key`: the rest of its key behind the call."""
        self.changed[(type(row), *key)] = row
