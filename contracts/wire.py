"""A message as it stands in bytes. Apart from the codec, which is compiled: msgspec needs the types
of a struct's fields, and mypyc keeps only their names; nor does it keep `from None`, without which
a traceback would show what msgspec quotes."""

from typing import Literal, TypeAlias, TypeVar

import msgspec

from contracts.recorded import CallEvent, Decision, FactSeen, ModelSaid, Retired
from contracts.seal import Unreadable

Decoded = TypeVar("Decoded")
Events: TypeAlias = tuple[CallEvent | Retired, ...]


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """As read, before its events are lifted to the present versions."""

    by: str
    events: Events
    epoch: int = 0
    decision: Decision | None = None
    sealed: Literal["", "siv"] = ""


class _Why(Decision, frozen=True, kw_only=True, rename=lambda name: f"unread {name}"):
    """Of a decision, what asked for it. The rest is skipped, under names that nobody writes."""

    prev: str = ""
    state: str = ""
    facts: tuple[FactSeen, ...] = ()
    more: tuple[ModelSaid, ...] = ()


class EventsWire(Wire, frozen=True, kw_only=True):
    """The same for who wants the events."""

    decision: _Why | None = None


def read(decoder: "msgspec.json.Decoder[Decoded]", payload: bytes) -> Decoded:
    """Raises Unreadable."""
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as broken:
        raise Unreadable(_place(str(broken))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("not JSON in UTF-8") from None


def _place(reason: str) -> str:
    """Where the contract was broken: the path msgspec gives, without the value it quotes."""
    path = reason.rpartition(" - at ")[2].strip("`") if " - at " in reason else "$"
    return f"no contract covers it, at {path}"
