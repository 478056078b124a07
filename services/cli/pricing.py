"""partyline prices: what outside services cost, as the table of prices holds it."""

from pathlib import Path

import asyncpg
from rich.box import SIMPLE
from rich.table import Table

from infra.postgres import AWAY, Pool, PostgresUnavailable, connect_pool
from projections.costs.prices import Price, all_prices, load_prices
from services.cli.places import find
from services.cli.settings import Settings
from services.cli.terminal import out


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
