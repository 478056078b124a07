"""Rows as structs."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import msgspec

from infra.postgres import since_2000

Row = TypeVar("Row", bound=msgspec.Struct)


def columns(row: type[msgspec.Struct]) -> str:
    """The struct's fields as the list of a SELECT: each is a column of that name."""
    return ", ".join(row.__struct_fields__)


def as_structs(rows: Iterable[asyncpg.Record], row: type[Row]) -> tuple[Row, ...]:
    """What a SELECT of those columns found."""
    return tuple(msgspec.convert(dict(found), row) for found in rows)


def as_made(row: asyncpg.Record) -> dict[str, Any]:
    """What a table holds, as a projection has it in a row that it makes."""
    return {
        name: since_2000(value) if isinstance(value, datetime) else value
        for name, value in row.items()
    }
