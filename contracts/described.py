"""What the source says about the contracts: docstrings, and the comment beside each field.

The comment is read where it stands, so the catalogue can't say anything else than the code. A
field without one means what the field of the same name and type means that was explained before
it: first in its own module, else in the modules in the order of a call.
"""

import ast
import importlib
import inspect
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Final, NamedTuple

import msgspec

MODULES: Final = (
    "event",
    "dialog",
    "line",
    "transcript",
    "passages",
    "synthesis",
    "outcome",
    "agent",
    "knowledge",
    "claim",
    "key",
    "phrase",
    "recorded",
)


class Undocumented(Exception):
    """A public struct or field whose meaning the source does not tell."""


class FieldSource(NamedTuple):
    """A field as written: its annotation, and the comment beside it, empty if there is none."""

    name: str
    annotation: str
    comment: str


class ModuleHead(NamedTuple):
    """What a module's docstring tells: its meaning, and by whom its subject is used."""

    meaning: str
    subject: str
    stream: str
    written: tuple[str, ...]
    read: tuple[str, ...]


def structs(module: str) -> tuple[type[msgspec.Struct], ...]:
    """The public structs of a contracts module, in the order of the source."""
    home = _module(module)
    return tuple(
        value
        for name, value in vars(home).items()
        if inspect.isclass(value)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == home.__name__
        and not name.startswith("_")
    )


def meaning(struct_type: type[msgspec.Struct]) -> str:
    """The struct's docstring. Raises Undocumented."""
    own = struct_type.__dict__.get("__doc__")
    if not own:
        raise Undocumented(f"{struct_type.__name__} has no docstring")
    return inspect.cleandoc(str(own)).replace("\n", " ")


def field_meaning(struct_type: type[msgspec.Struct], field: str) -> str:
    """The comment that explains a field. Raises Undocumented."""
    declared = next(kind for kind in struct_type.__mro__ if field in _own(kind))
    source = _own(declared)[field]
    if source.comment:
        return source.comment
    for comment in _explained(declared, source):
        return comment
    raise Undocumented(
        f"{declared.__name__}.{field} has no comment, and no {field}: {source.annotation}"
        " explained before it"
    )


def head(module: str) -> ModuleHead:
    """What the module's docstring says: the first line, and the lines of its subject."""
    text = inspect.cleandoc(_module(module).__doc__ or "")
    words = " ".join(text.partition("\n\n")[2].split())
    _, _, rest = words.partition("subject ")
    subject, _, rest = rest.partition(" stream ")
    stream, _, rest = rest.partition(" written ")
    written, _, read = rest.partition(" read ")
    return ModuleHead(text.splitlines()[0], subject, stream, _names(written), _names(read))


def _names(text: str) -> tuple[str, ...]:
    """`services/{stt,dialog}, projections` as stt, dialog, projections."""
    flat = text.replace("{", "").replace("}", "").replace("services/", "")
    return tuple(name.strip() for name in flat.split(",") if name.strip())


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"contracts.{name}")


def _explained(struct_type: type[msgspec.Struct], field: FieldSource) -> Iterator[str]:
    own = struct_type.__module__.rpartition(".")[2]
    for module in sorted(MODULES, key=lambda name: name != own):
        for other in structs(module):
            if other is struct_type:
                break
            like = _own(other).get(field.name)
            if like and like.annotation == field.annotation and like.comment:
                yield like.comment


@cache
def _own(struct_type: type) -> dict[str, FieldSource]:
    """The fields a struct declares itself, by name."""
    if not issubclass(struct_type, msgspec.Struct) or struct_type is msgspec.Struct:
        return {}
    source = inspect.getsource(struct_type)
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    (body,) = ast.parse(source).body
    assert isinstance(body, ast.ClassDef)
    return {
        line.target.id: FieldSource(
            line.target.id,
            ast.unparse(line.annotation),
            comments.get(line.end_lineno or line.lineno, ""),
        )
        for line in body.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }
