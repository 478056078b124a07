"""What a projection is: events in, rows out."""

from collections.abc import Callable
from importlib.resources import files

import msgspec

from contracts.recorded import Recorded
from projections.write import Write


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """Tables made from events. Its folder bears its name and holds the tables' `table.sql`."""

    name: str
    version: int  # raise it when a row's meaning changes: the tables are then made anew
    tables: tuple[str, ...]
    project: Callable[[Recorded], list[Write]]
    """The writes a message adds. Pure, and only to rows of the message's own call: writes of
    different calls may be put in another order."""

    @property
    def definition(self) -> str:
        """The SQL that makes the tables where they are not there."""
        return files("projections").joinpath(self.name, "table.sql").read_text("utf-8")
