"""Rows as the lines that COPY reads. msgspec writes a whole piece of them at once, which takes a
fraction of what a driver takes to pack value by value.

A row is a JSON array without its brackets. That is CSV, but for signs that JSON escapes and CSV
does not: https://www.postgresql.org/docs/current/sql-copy.html (File Formats, CSV).
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

FORMAT: Final[dict[str, Any]] = {
    "format": "csv",
    "delimiter": ",",
    "null": "null",
    "quote": '"',
    "escape": "\\",
    "encoding": "utf-8",
}
"""What copy_to_table is to be told."""

_AT_ONCE: Final = 500  # rows, about 200 kB
_encoder: Final = msgspec.json.Encoder()

# An escaped quote or backslash reads the same in both. In the second, group 1 is what does not.
_OTHER_ESCAPE: Final = re.compile(rb'\\[^"\\]')
_ESCAPE: Final = re.compile(rb'\\["\\]|\\([bfnrt]|u[0-9a-f]{4})')
_SIGNS: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


async def lines(row: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> AsyncIterator[bytes]:
    """All rows, which are of this type, in pieces for COPY. In the order of the type's fields."""
    as_values = _as_values(row)
    for start in range(0, len(rows), _AT_ONCE):
        values = [as_values(each) for each in rows[start : start + _AT_ONCE]]
        yield _as_csv(_encoder.encode_lines(values))


def _as_csv(arrays: bytes) -> bytes:
    """No JSON holds a line feed, so these are the ends of rows only."""
    csv = arrays[1:-2].replace(b"]\n[", b"\n") + b"\n"
    if _OTHER_ESCAPE.search(csv) is None:
        return csv
    return b"\n".join(
        _ESCAPE.sub(_sign, line) if _OTHER_ESCAPE.search(line) else line
        for line in csv.split(b"\n")
    )


def _sign(escape: re.Match[bytes]) -> bytes:
    match escape[1]:
        case None:
            return escape[0]
        case code if len(code) > 1:
            return chr(int(code[1:], 16)).encode()
        case letter:
            return _SIGNS[letter]


@cache
def _as_values(row: type[msgspec.Struct]) -> Callable[[msgspec.Struct], Sequence[Any]]:
    """What a row's fields are written as: what JSON has as objects and arrays becomes text."""
    hints = get_type_hints(row)
    texts = [(n, _text_of(hints[name])) for n, name in enumerate(row.__struct_fields__)]
    packed = [(n, text) for n, text in texts if text is not None]
    if not packed:
        return msgspec.structs.astuple

    def as_values(each: msgspec.Struct) -> Sequence[Any]:
        values = list(msgspec.structs.astuple(each))
        for n, text in packed:
            if values[n] is not None:
                values[n] = text(values[n])
        return values

    return as_values


def _text_of(hint: Any) -> Callable[[Any], str] | None:
    """None: it is written as it is."""
    kinds = {get_origin(each) for each in (hint, *get_args(hint))}
    if dict in kinds:
        return _json
    return _array if list in kinds else None


def _json(value: Any) -> str:
    return _encoder.encode(value).decode()


def _array(values: list[str]) -> str:
    """https://www.postgresql.org/docs/current/arrays.html (Array Input and Output Syntax)."""
    quoted = (each.replace("\\", "\\\\").replace('"', '\\"') for each in values)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"
