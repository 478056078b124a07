"""The file of prices, and the table it fills."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from infra.postgres import Pool
from projections.costs.prices import SHIPPED, BadPrices, all_prices, load_prices, read_prices

GROQ = """
[[price]]
kind = "llm"
provider = "groq"
unit = "tokens_in"
price = 0.59
per = 1_000_000
currency = "USD"
from_day = 2026-01-01
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(GROQ)
    return path


def test_what_comes_with_partyline_can_be_read_and_costs_nothing() -> None:
    assert {price.price for price in read_prices(SHIPPED)} == {0}


def test_a_price_is_read_as_it_is_written(file: Path) -> None:
    (price,) = read_prices(file)
    assert (price.price, price.per, price.from_day) == (
        Decimal("0.59"),
        Decimal(1_000_000),
        date(2026, 1, 1),
    )
    assert price.model == ""


@pytest.mark.parametrize(
    ("was", "instead", "said"),
    [
        ("tokens_in", "minutes", "unit of llm must be tokens_in or tokens_out"),
        ('"llm"', '"fax"', "kind"),
        ("0.59", "-1", "price must not be below 0"),
        ("0.59", "nan", "finite"),
        ("1_000_000", "0", "per must be above"),
        ('"USD"', '"dollars"', "currency"),
        ("from_day", "since", "since"),
        ("[[price]]", "[price]", "takes nothing but [[price]] tables"),
        ("[[price]]", "[[price", "not TOML"),
        (GROQ, GROQ + GROQ, "number 2: another one"),
    ],
)
def test_a_mistake_is_said_with_its_place(file: Path, was: str, instead: str, said: str) -> None:
    file.write_text(GROQ.replace(was, instead))
    with pytest.raises(BadPrices) as raised:
        read_prices(file)
    assert said in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPrices, match=r"none\.toml: cannot be read"):
        read_prices(tmp_path / "none.toml")


@pytest.mark.stack
async def test_a_file_takes_the_place_of_all_prices_and_stays(pool: Pool, file: Path) -> None:
    await load_prices(pool, None)
    assert {p.provider for p in await all_prices(pool)} >= {"pocketsphinx", "loopback"}
    await load_prices(pool, file)
    await load_prices(pool, None)  # a start without a file leaves what was loaded by hand
    assert await all_prices(pool) == read_prices(file)


@pytest.mark.stack
async def test_a_file_that_cannot_be_used_leaves_the_prices_as_they_were(
    pool: Pool, file: Path
) -> None:
    await load_prices(pool, file)
    before = await all_prices(pool)
    with pytest.raises(BadPrices):
        await load_prices(pool, file.parent)
    assert await all_prices(pool) == before
