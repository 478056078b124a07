"""Rows as structs."""

from collections.abc import Iterable
from typing import TypeVar

import asyncpg
import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)


def columns(row: type[msgspec.Struct]) -> str:
    """The struct's fields as the list of a SELECT: each is a column of that name."""
    return ", ".join(row.__struct_fields__)


def as_structs(rows: Iterable[asyncpg.Record], row: type[Row]) -> tuple[Row, ...]:
    """What a SELECT of those columns found."""
    return tuple(msgspec.convert(dict(found), row) for found in rows)
