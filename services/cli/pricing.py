"""partyline prices: what outside services cost, as the table of prices holds it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg
from rich.box import SIMPLE
from rich.table import Table

from infra.postgres import AWAY, Pool, PostgresUnavailable, connect_pool
from infra.telemetry import Money, Operation, Unit, price_by
from projections.costs.prices import SHIPPED, Price, all_prices, load_prices, read_prices
from services.cli.places import find
from services.cli.settings import Settings
from services.cli.terminal import out

_KINDS: Final[Mapping[Operation, str]] = {"chat": "llm", "synthesize": "tts", "transcribe": "stt"}


def price_uses(settings: Settings) -> None:
    """Let telemetry know the prices of today, as the file has them. Raises BadPrices."""
    known: dict[tuple[str, str, str, str], Money] = {}
    for price in sorted(read_prices(Path(settings.prices or SHIPPED)), key=lambda p: p.from_day):
        if price.from_day <= datetime.now(UTC).date():
            of = Money(float(price.price / price.per), price.currency)
            known[price.kind, price.provider, price.model, price.unit] = of

    def price_of(operation: Operation, provider: str, model: str, unit: Unit) -> Money | None:
        kind = _KINDS.get(operation, "")
        exact = known.get((kind, provider, model, unit))
        return exact or known.get((kind, provider, "", unit))

    price_by(price_of)


async def load_configured(pool: Pool, settings: Settings) -> None:
    """The file that the settings name; none: what comes with Partyline, where the table is empty.

    Raises BadPrices, PostgresUnavailable.
    """
    try:
        await load_prices(pool, Path(settings.prices) if settings.prices else None)
    except AWAY as away:
        raise PostgresUnavailable(f"PostgreSQL went away: {type(away).__name__}") from None


async def prices(settings: Settings, file: Path | None) -> None:
    """Print all prices, after those of a file took their place. Raises BadPrices."""
    pool = await connect_pool(find(settings, "postgres").postgres)
    try:
        if file is not None:
            await load_prices(pool, file)
        found = await all_prices(pool)
    except asyncpg.UndefinedTableError:
        found = ()
    finally:
        await pool.close()
    if not found:
        out.print("No prices yet: they come when the projections start, or with --load FILE.")
        return
    table = Table(box=SIMPLE, padding=(0, 1))
    for name in ("kind", "provider", "model", "unit", "from"):
        table.add_column(name, no_wrap=True)
    table.add_column("price", justify="right")
    for price in found:
        table.add_row(price.kind, price.provider, price.model or "any", price.unit, *_price(price))
    out.print(table)


def _price(price: Price) -> tuple[str, str]:
    per = "" if price.per == 1 else f" per {price.per:,f}"
    return price.from_day.isoformat(), f"{price.price:f} {price.currency}{per}"
