"""What a projection is: the events of a call in, rows about the call out."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import msgspec

from contracts.recorded import Recorded
from projections.folding import Rows


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table in its projection's `table.sql`."""

    name: str
    row: type[msgspec.Struct]
    """The columns that are not generated, by name and in any order but for the key, which comes
    first; all but the key with the value they have in a new row."""
    key: int = 2  # columns of the primary key; the first two are tenant and call


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """Tables made from events. Its folder bears its name and holds the tables' `table.sql`."""

    name: str
    version: int  # raise it when a row's meaning changes: the tables are then made anew
    tables: tuple[Table, ...]
    reads: frozenset[type[Any]]  # the events it wants
    project: "Callable[[Rows, Recorded, int, Any], None]"
    """What an event does to the rows of its call: `project(rows, recorded, index, event)`. Pure: it
    knows nothing but the call's rows so far and the event, which stands at `index` in its message.
    """

    derive: "Callable[[Rows], None] | None" = None
    """What follows from rows that were changed, worked out once before they are stored. Pure."""

    passing: frozenset[type[msgspec.Struct]] = frozenset()
    """Rows and notes of one turn, reply, utterance, tool's use or message, as their key says: of
    these a call has ever more, and events are about the newest. Others are kept while it goes on.
    """

    derived: frozenset[type[msgspec.Struct]] = frozenset()
    """Of those, what `derive` makes whole from others: where one was let go it makes the same."""

    @property
    def definition(self) -> str:
        """The SQL that makes the tables, in whichever schema comes first."""
        return files("projections").joinpath(self.name, "table.sql").read_text("utf-8")
