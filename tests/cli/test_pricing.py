"""partyline prices: what is listed, and whose prices count."""

from pathlib import Path

import pytest

from infra.postgres import connect_pool
from projections.costs.prices import BadPrices, all_prices
from services.cli.pricing import load_configured, prices
from services.cli.settings import Settings

pytestmark = pytest.mark.stack
FILE = """
[[price]]
kind = "carrier"
provider = "twilio"
unit = "minutes_begun"
price = 0.0085
currency = "USD"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(FILE)
    return path


async def test_before_anything_ran_the_list_says_where_prices_come_from(
    postgres_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await prices(Settings(postgres=postgres_dsn, data=tmp_path), None)
    assert "--load FILE" in capsys.readouterr().out


async def test_prices_that_are_loaded_are_listed(
    postgres_dsn: str, tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(postgres=postgres_dsn, data=tmp_path / "none")
    await prices(settings, file)
    listed = capsys.readouterr().out
    assert "twilio" in listed
    assert "0.0085 USD" in listed


async def test_the_projections_start_with_the_file_the_settings_name(
    postgres_dsn: str, file: Path
) -> None:
    pool = await connect_pool(postgres_dsn)
    try:
        await load_configured(pool, Settings(prices=str(file)))
        assert [price.provider for price in await all_prices(pool)] == ["twilio"]
        with pytest.raises(BadPrices, match="cannot be read"):
            await load_configured(pool, Settings(prices="none.toml"))
    finally:
        await pool.close()
