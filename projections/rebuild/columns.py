"""Values as binary COPY takes them, each as the type of its column wants it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from librt.strings import BytesWriter, write_f64_be, write_i32_be, write_i64_be

_TEXT_OID: Final = 25
_VERSION: Final = b"\x01"  # of jsonb's binary form
_Raw: Final = msgspec.Raw
_json: Final = msgspec.json.encode


class Column(ABC):
    """How a value other than NULL is packed."""

    @abstractmethod
    def add(self, value: object, out: BytesWriter) -> None:
        """Its length in bytes, and its bytes. Raises: TypeError, OverflowError."""


def _utf8(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError("no str")
    return text.encode()


class _Int4(Column):
    def add(self, value: object, out: BytesWriter) -> None:
        if not isinstance(value, int):
            raise TypeError("no int")
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError("too large for int4")
        write_i32_be(out, 4)
        write_i32_be(out, value)


class _Int8(Column):
    def add(self, value: object, out: BytesWriter) -> None:
        if not isinstance(value, int):
            raise TypeError("no int")
        write_i32_be(out, 8)
        try:
            write_i64_be(out, value)
        except ValueError as refused:
            raise OverflowError("too large for int8") from refused


class _Float8(Column):
    def add(self, value: object, out: BytesWriter) -> None:
        if isinstance(value, float):
            number: float = value
        elif isinstance(value, int):
            number = float(value)
        else:
            raise TypeError("no float")
        write_i32_be(out, 8)
        write_f64_be(out, number)


class _Bool(Column):
    def add(self, value: object, out: BytesWriter) -> None:
        if not isinstance(value, bool):
            raise TypeError("no bool")
        write_i32_be(out, 1)
        out.append(1 if value else 0)


class _Text(Column):
    """Remembers the last one: rows of one call have much in common."""

    def __init__(self) -> None:
        self._last: object = None
        self._packed = b""

    def add(self, value: object, out: BytesWriter) -> None:
        if value is not self._last:
            self._packed = _utf8(value)
            self._last = value
        write_i32_be(out, len(self._packed))
        out.write(self._packed)


class _Texts(Column):
    def add(self, value: object, out: BytesWriter) -> None:
        if not isinstance(value, (list, tuple)):
            raise TypeError("no list")
        texts = [_utf8(text) for text in value]
        write_i32_be(out, 20 + 4 * len(texts) + sum(map(len, texts)))
        write_i32_be(out, 1)  # dimension
        write_i32_be(out, 0)  # no NULL in it
        write_i32_be(out, _TEXT_OID)
        write_i32_be(out, len(texts))
        write_i32_be(out, 1)  # number of the first
        for text in texts:
            write_i32_be(out, len(text))
            out.write(text)


class _Jsonb(Column):
    def add(self, value: Any, out: BytesWriter) -> None:
        if type(value) is not _Raw:
            value = _json(value)
        versioned: bytes = _VERSION + value
        write_i32_be(out, len(versioned))
        out.write(versioned)


_COLUMNS: Final[Mapping[str, type[Column]]] = {
    "int4": _Int4,
    "int8": _Int8,
    "float8": _Float8,
    "bool": _Bool,
    "text": _Text,
    "text[]": _Texts,
    "timestamptz": _Int8,  # microseconds since 2000
    "jsonb": _Jsonb,
}


def columns_of(types: Sequence[str]) -> list[Column]:
    """For columns of these types, by PostgreSQL's names. KeyError: there is one of another type."""
    return [_COLUMNS[each]() for each in types]
