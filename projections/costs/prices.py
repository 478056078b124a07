"""The table prices: filled from a file, so that a changed price needs no rebuild."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from infra.postgres import Connection, Pool
from projections.rows import as_structs, columns
from projections.schema import lock

SHIPPED: Final = Path(str(files("projections.costs").joinpath("prices.toml")))
"""Prices that come with Partyline: nothing for what runs here, examples for the rest."""

Kind = Literal["stt", "llm", "tts", "carrier"]
UNITS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "stt": ("speech_seconds", "line_seconds"),
    "llm": ("tokens_in", "tokens_out"),
    "tts": ("characters", "seconds", "cached_characters", "cached_seconds", "dropped_seconds"),
    "carrier": ("seconds", "minutes_begun"),
}
_Name = Annotated[str, msgspec.Meta(min_length=1)]


class BadPrices(Exception):
    """A file of prices that cannot be used. Says file, entry and what to do."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of prices: the columns' comments give the meaning of each field."""

    kind: Kind
    provider: _Name
    model: str = ""
    unit: str
    from_day: date = date(1970, 1, 1)
    price: Decimal
    per: Decimal = Decimal(1)
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


_COLUMNS: Final = Price.__struct_fields__
_STORE: Final = (
    f"INSERT INTO prices ({columns(Price)})"
    f" VALUES ({', '.join(f'${n}' for n in range(1, len(_COLUMNS) + 1))})"
)
_ALL: Final = f"SELECT {columns(Price)} FROM prices ORDER BY kind, provider, model, unit, from_day"


def read_prices(path: Path) -> tuple[Price, ...]:
    """The prices in a file of `[[price]]` tables. Raises BadPrices."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as failed:
        raise BadPrices(f"{path}: cannot be read: {type(failed).__name__}") from None
    except tomllib.TOMLDecodeError as broken:
        raise BadPrices(f"{path}: not TOML: {broken}") from None
    entries = data.pop("price", [])
    if data or not isinstance(entries, list):
        raise BadPrices(f"{path}: takes nothing but [[price]] tables")
    prices = tuple(_price(path, place, entry) for place, entry in enumerate(entries, start=1))
    _check_once(path, prices)
    return prices


def _price(path: Path, place: int, entry: Any) -> Price:
    here = f"{path}: [[price]] number {place}"
    try:
        price = msgspec.convert(entry, Price)
    except msgspec.ValidationError as broken:
        raise BadPrices(f"{here}: {broken}") from None
    if price.unit not in UNITS[price.kind]:
        raise BadPrices(f"{here}: unit of {price.kind} must be {' or '.join(UNITS[price.kind])}")
    if not (price.price.is_finite() and price.per.is_finite()):
        raise BadPrices(f"{here}: price and per must be finite")
    if price.price < 0 or price.per <= 0:
        raise BadPrices(f"{here}: price must not be below 0, and per must be above")
    return price


def _check_once(path: Path, prices: Iterable[Price]) -> None:
    seen = set()
    for place, price in enumerate(prices, start=1):
        key = (price.kind, price.provider, price.model, price.unit, price.from_day)
        if key in seen:
            raise BadPrices(
                f"{path}: [[price]] number {place}: another one is of the same kind, provider,"
                " model, unit and from_day; remove one of them"
            )
        seen.add(key)


async def make_table(db: Connection) -> None:
    """Make the table and `price_of` where there are none. In a transaction of the caller's."""
    definition = files("projections.costs").joinpath("prices.sql").read_text("utf-8")
    await db.execute(definition)


async def store_prices(pool: Pool, prices: Iterable[Price]) -> None:
    """Let the table hold these prices and no others."""
    async with pool.acquire() as db, db.transaction():
        await lock(db)
        await make_table(db)
        await _replace(db, prices)


async def load_prices(pool: Pool, path: Path | None) -> None:
    """Store what a file says; without one, what comes with Partyline where the table is empty.

    Raises BadPrices.
    """
    prices = read_prices(path or SHIPPED)
    async with pool.acquire() as db, db.transaction():
        await lock(db)
        await make_table(db)
        if path is not None or not await db.fetchval("SELECT EXISTS (SELECT FROM prices)"):
            await _replace(db, prices)


async def all_prices(pool: Pool) -> tuple[Price, ...]:
    """What the table holds."""
    return as_structs(await pool.fetch(_ALL), Price)


async def _replace(db: Connection, prices: Iterable[Price]) -> None:
    await db.execute("DELETE FROM prices")
    await db.executemany(_STORE, [msgspec.structs.astuple(price) for price in prices])
