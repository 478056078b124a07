"""What a projection wants written."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Write(NamedTuple):
    """One statement and the values of its $1, $2..."""

    sql: str
    args: tuple[Any, ...]


def moment(unix_ms: float) -> datetime:
    """UNIX time in milliseconds as Postgres takes it."""
    return _EPOCH + timedelta(milliseconds=unix_ms)


def upsert(
    table: str,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    merge: Mapping[str, str] | None = None,
) -> Write:
    """Set columns of the row at `key`, which is made when it is not there.

    `merge`: by column, the SQL of its value when the row was there; `new.` stands for the values
    given here and the table's name for the row. A column without one takes the new value.
    """
    rules = tuple((merge or {}).get(column, f"new.{column}") for column in values)
    sql = _upsert_sql(table, tuple(key), tuple(values), rules)
    return Write(sql, (*key.values(), *values.values()))


@cache
def _upsert_sql(
    table: str, key: tuple[str, ...], values: tuple[str, ...], rules: tuple[str, ...]
) -> str:
    columns = (*key, *values)
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    set_list = ", ".join(
        f"{column} = {rule.replace('new.', 'EXCLUDED.')}"
        for column, rule in zip(values, rules, strict=True)
    )
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {set_list}"
    )
