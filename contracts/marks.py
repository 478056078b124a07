"""Which fields hold personal data, by their mark: what logs, traces and errors leave out."""

from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from contracts.event import PII

HIDDEN: Final = "***"


@cache
def personal_fields(struct_type: type[msgspec.Struct]) -> frozenset[str]:
    """The struct's fields that are marked themselves or hold marked values in a container."""
    fields = _fields(struct_type)
    return _hidden_whole(struct_type) | {field.name for field in fields if marked(field.type)}


def scrubbed(struct: msgspec.Struct) -> dict[str, Any]:
    """The struct as dicts, lists and plain values, fit to be written anywhere.

    Marked text is '***'; of a dict with marked values the keys stay. Tool arguments and results and
    stored bytes are '***' as a whole. Nested structs are scrubbed by their own marks.
    """
    plain = {name: _scrubbed_field(struct, name) for name in struct.__struct_fields__}
    config = struct.__struct_config__
    return plain if config.tag is None else {config.tag_field or "type": config.tag, **plain}


def marked(type_: inspect.Type) -> bool:
    """Whether a field of this type holds personal data outside of nested structs."""
    match type_:
        case inspect.Metadata():
            return bool((type_.extra or {}).get(PII)) or marked(type_.type)
        case inspect.DictType():
            return marked(type_.value_type)
        case inspect.CollectionType():
            return marked(type_.item_type)
        case inspect.TupleType():
            return any(marked(item) for item in type_.item_types)
        case inspect.UnionType():
            return any(marked(option) for option in type_.types)
        case _:
            return False


def _fields(struct_type: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(struct_type)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{struct_type.__name__} is no struct")
    return described.fields


@cache
def _hidden_whole(struct_type: type[msgspec.Struct]) -> frozenset[str]:
    """The fields whose very shape may tell something."""
    return frozenset(field.name for field in _fields(struct_type) if _shapeless(field))


def _shapeless(field: inspect.Field) -> bool:
    match field.type:
        case inspect.BytesType():
            return True
        case inspect.Metadata(type=inspect.DictType()):
            return marked(field.type)
        case _:
            return False


def _scrubbed_field(struct: msgspec.Struct, name: str) -> Any:
    value = getattr(struct, name)
    if name in _hidden_whole(type(struct)):
        return HIDDEN
    return _hidden(value) if name in personal_fields(type(struct)) else _plain(value)


def _plain(value: object) -> Any:
    match value:
        case msgspec.Struct():
            return scrubbed(value)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case msgspec.UnsetType():
            return None
        case _:
            return msgspec.to_builtins(value)


def _hidden(value: object) -> Any:
    match value:
        case None | "":
            return value  # that nothing was given is no secret, and worth seeing
        case dict():
            return {key: HIDDEN for key in value}
        case list() | tuple() | set() | frozenset():
            return [_hidden(inner) for inner in value]
        case _:
            return HIDDEN
