"""A message as it stands in bytes. Apart from the codec, which is compiled: msgspec needs the types
of a struct's fields, and mypyc keeps only their names."""

from typing import Literal, TypeAlias

import msgspec

from contracts.recorded import CallEvent, Decision, Retired

Events: TypeAlias = tuple[CallEvent | Retired, ...]


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """As read, before its events are lifted to the present versions."""

    by: str
    events: Events
    epoch: int = 0
    decision: Decision | None = None
    sealed: Literal["", "siv"] = ""
