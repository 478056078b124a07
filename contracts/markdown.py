"""A struct as a section of a page: its meaning, and its fields in the words of JSON."""

import json
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import inspect

from contracts import described
from contracts.channels import tag
from contracts.marks import personal_fields


def struct(kind: type[msgspec.Struct]) -> str:
    """A heading, the meaning, and a table of the fields. Raises Undocumented."""
    on_wire = f"\n\n`{tag(kind)}`" if tag(kind) else ""
    rows = [_field(kind, field) for field in _fields(kind)]
    fields = table(("field", "type", "if absent", "meaning"), rows)
    return f"### {kind.__name__}{on_wire}\n\n{described.meaning(kind)}\n\n{fields}"


def _field(kind: type[msgspec.Struct], field: inspect.Field) -> tuple[str, ...]:
    personal = "**personal** · " if field.name in personal_fields(kind) else ""
    meaning = described.field_meaning(kind, field.name)
    return (
        f"`{field.name}`",
        _type(field.type),
        _absent(field),
        personal + _prose(meaning),
    )


def _fields(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described_type = inspect.type_info(kind)
    assert isinstance(described_type, inspect.StructType)
    return described_type.fields


def _absent(field: inspect.Field) -> str:
    if field.required:
        return "*required*"
    value = _default(field)
    if value is msgspec.UNSET:
        return "*unset*"
    if isinstance(value, msgspec.Struct):
        value = _changed(value)
    return f"`{json.dumps(msgspec.to_builtins(value), ensure_ascii=False)}`"


def _changed(struct: msgspec.Struct) -> dict[str, object]:
    """The fields that differ from what they are when absent."""
    return {
        field.name: getattr(struct, field.name)
        for field in _fields(type(struct))
        if field.required or getattr(struct, field.name) != _default(field)
    }


def _default(field: inspect.Field) -> object:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return msgspec.UNSET if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _type(type_: inspect.Type) -> str:
    """A type in the words of JSON."""
    match type_:
        case inspect.Metadata():
            return _type(type_.type)
        case inspect.StructType():
            return f"[{type_.cls.__name__}](#{type_.cls.__name__.lower()})"
        case inspect.LiteralType():
            return " or ".join(f"`{json.dumps(value)}`" for value in type_.values)
        case inspect.UnionType() if len(type_.types) > _MOST_NAMED:
            return "any event of this page"
        case inspect.UnionType():
            return " or ".join(_type(option) for option in type_.types)
        case inspect.DictType():
            return f"object of {_type(type_.value_type)}"
        case inspect.VarTupleType():
            return f"array of {_type(type_.item_type)}"
        case inspect.AnyType():
            return "anything"
        case _:
            return _SCALARS[type(type_)]


_MOST_NAMED: Final = 10
_SCALARS: Final[dict[type[inspect.Type], str]] = {
    inspect.BoolType: "boolean",
    inspect.BytesType: "string, base64",
    inspect.FloatType: "number",
    inspect.IntType: "integer",
    inspect.NoneType: "null",
    inspect.StrType: "string",
}


def _prose(text: str) -> str:
    """A comment as Markdown: outside of `code`, what looks like a tag or emphasis is neither."""
    code = text.split("`")
    code[::2] = [part.replace("<", "&lt;").replace("*", r"\*") for part in code[::2]]
    return "`".join(code)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in lines)


def _cell(text: str) -> str:
    return text.replace("|", "&#124;")
