"""Every marked field of a message, found once per type and exchanged for something else.

What it is exchanged for is somebody else's business: its sealed form, its words, or nothing.
"""

from collections.abc import Callable
from operator import is_
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import inspect

from contracts.event import PII

ERASED: Final = "[erased]"
"""What is read in place of text whose key is gone; of a dict nothing is left."""


class Hand(Protocol):
    """What is done with a marked value that is not empty.

    `place` is where it stands: the same for a message's every encoding and for no other value of
    the call, as far as its events differ in time.
    """

    def text(self, place: str, value: str) -> str: ...
    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]: ...
    def values(self, place: str, value: dict[str, str]) -> dict[str, str]: ...


Visit: TypeAlias = Callable[[Hand, str, Any], Any]
Struct = TypeVar("Struct", bound=msgspec.Struct)

_known: Final[dict[type[msgspec.Struct], tuple[tuple[str, Visit], ...]]] = {}
_set: Final = msgspec.structs.force_setattr


def exchanged(struct: Struct, hand: Hand, place: str = "") -> Struct:
    """The struct with every marked field, however deep, as `hand` makes it.

    Empty fields stay empty: that nothing was given is no secret. Raises what `hand` does.
    """
    visits = _visits(type(struct))
    changes = _changes(struct, visits, hand, place) if visits else None
    return msgspec.structs.replace(struct, **changes) if changes else struct


def exchange_each(structs: tuple[msgspec.Struct, ...], hand: Hand, place: str) -> None:
    """The same for those that stand in `place`, in this order, frozen as they are: for who has just
    read them, so that nobody else knows them yet."""
    for n, struct in enumerate(structs):
        if visits := _visits(type(struct)):
            for name, other in _changes(struct, visits, hand, f"{place}.{n}").items():
                _set(struct, name, other)


def _changes(
    struct: msgspec.Struct, visits: tuple[tuple[str, Visit], ...], hand: Hand, place: str
) -> dict[str, Any]:
    at_ms = getattr(struct, "at_ms", None)
    fields_in = f"{place}." if at_ms is None else f"{place}@{at_ms}."
    changes = {}
    for name, visit in visits:
        value = getattr(struct, name)
        if value and (other := visit(hand, fields_in + name, value)) is not value:
            changes[name] = other
    return changes


def _visits(struct_type: type[msgspec.Struct]) -> tuple[tuple[str, Visit], ...]:
    """The fields that are marked or hold something marked. Raises TypeError for a mark that stands
    where nothing can be exchanged."""
    visits = _known.get(struct_type)
    if visits is None:
        visits = _known[struct_type] = _found(struct_type)
    return visits


def _found(struct_type: type[msgspec.Struct]) -> tuple[tuple[str, Visit], ...]:
    described = inspect.type_info(struct_type)
    assert isinstance(described, inspect.StructType)
    found = ((field.encode_name, _visit(field.type)) for field in described.fields)
    return tuple((name, visit) for name, visit in found if visit is not None)


def _visit(type_: inspect.Type) -> Visit | None:
    match type_:
        case inspect.Metadata():
            return _marked(type_.type) if (type_.extra or {}).get(PII) else _visit(type_.type)
        case inspect.StructType():
            return _struct if _visits(type_.cls) else None
        case inspect.UnionType():
            return _one_of({_visit(option) for option in type_.types} - {None})
        case inspect.DictType():
            return _dict(_visit(type_.value_type))
        case inspect.CollectionType():
            return _each(_visit(type_.item_type))
        case inspect.TupleType():
            return _one_of({_visit(item) for item in type_.item_types} - {None})
        case _:
            return None


def _marked(type_: inspect.Type) -> Visit:
    match type_:
        case inspect.StrType():
            return _text
        case inspect.DictType():
            return _whole
        case _:
            raise TypeError(f"only text and dicts can be marked, not {type(type_).__name__}")


def _one_of(visits: "set[Visit | None]") -> Visit | None:
    if len(visits) > 1:
        raise TypeError("a field can't hold marked values of several kinds")
    return visits.pop() if visits else None


def _struct(hand: Hand, place: str, value: Any) -> Any:
    return exchanged(value, hand, place)


def _text(hand: Hand, place: str, value: Any) -> Any:
    return hand.text(place, value)


def _whole(hand: Hand, place: str, value: Any) -> Any:
    return hand.whole(place, value)


def _values(hand: Hand, place: str, value: Any) -> Any:
    return hand.values(place, value)


def _dict(visit: Visit | None) -> Visit | None:
    if visit is None or visit is _text:
        return visit and _values

    def in_dict(hand: Hand, place: str, value: Any) -> Any:
        changed = {key: visit(hand, f"{place}.{key}", each) for key, each in value.items()}
        return changed if any(changed[key] is not value[key] for key in value) else value

    return in_dict


def _each(visit: Visit | None) -> Visit | None:
    if visit is None:
        return None

    def in_order(hand: Hand, place: str, value: Any) -> Any:
        changed = [visit(hand, f"{place}.{n}", each) for n, each in enumerate(value)]
        return value if all(map(is_, changed, value)) else type(value)(changed)

    return in_order
