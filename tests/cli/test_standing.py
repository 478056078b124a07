"""partyline projections and doctor: how far the tables are, and whether anything arrives."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sealed_house import House, sealed_house

from projections import PROJECTIONS

pytestmark = pytest.mark.stack
NUMBER = "+4930123456789"


async def test_how_far_the_tables_are_is_told_three_ways(tmp_path: Path, tables_dsn: str) -> None:
    async with sealed_house(tmp_path / "log", tables_dsn) as house:
        await house.call(NUMBER)
        await house.project()
        told = msgspec.json.decode((await house.partyline("projections", "--json")).stdout)
        assert {each["name"] for each in told["projections"]} == {p.name for p in PROJECTIONS}
        for each in told["projections"]:
            assert (each["behind"], each["oldest_unseen_s"]) == (0, 0)
            assert each["canary_s"] >= 0
        shown = (await house.partyline("projections")).stdout
        assert all(title in shown for title in ("behind", "oldest unseen", "canary"))


async def test_the_doctor_says_when_nothing_arrives_any_more(
    tmp_path: Path, tables_dsn: str
) -> None:
    async with sealed_house(tmp_path / "log", tables_dsn) as house:
        assert await tables_of(house) == ("ok", "none was made yet")
        await house.call(NUMBER)
        await house.project()
        assert (await tables_of(house))[0] == "ok"
        await house.pool.execute(
            "UPDATE projection_positions SET stored_at = stored_at - $1::interval",
            timedelta(hours=2),
        )
        verdict, says = await tables_of(house)
        assert verdict == "note"
        assert says.startswith("the last message came through 72")


async def tables_of(house: House) -> tuple[str, str]:
    told = msgspec.json.decode((await house.partyline("doctor", "--json")).stdout)
    (found,) = [each for each in told if each["what"] == "tables"]
    return found["verdict"], found["says"]
