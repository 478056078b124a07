"""partyline rebuild and projections retry against real servers: what they do, print and return."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sealed_house import TENANT, WORDS, House, sealed_house

from infra.postgres import Pool
from projections import PROJECTIONS

pytestmark = pytest.mark.stack
NUMBER = "+4930123456789"


@pytest.fixture
async def house(tmp_path: Path, tables_dsn: str) -> AsyncIterator[House]:
    async with sealed_house(tmp_path / "log", tables_dsn) as house:
        yield house


async def test_all_tables_are_made_anew_and_a_rollback_brings_back_those_of_before(
    house: House,
) -> None:
    """Sealed words are read with the master key."""
    await house.call(NUMBER)
    await house.project()
    done = await house.partyline("rebuild", "--all")
    assert done.returncode == 0, done.stderr
    assert "Live after" in done.stdout
    assert "events/s, interpreted" in done.stdout
    assert await live(house.pool) == {(each.name, 2) for each in PROJECTIONS}
    assert (
        await house.pool.fetchval("SELECT text FROM transcripts WHERE speaker = 'caller'") == WORDS
    )
    back = await house.partyline("rebuild", "--all", "--rollback")
    assert back.returncode == 0, back.stderr
    assert await live(house.pool) == {(each.name, 1) for each in PROJECTIONS}
    again = await house.partyline("rebuild", "turns", "latency")
    assert again.returncode == 0, again.stderr
    others = {(p.name, 1) for p in PROJECTIONS if p.name not in ("turns", "latency")}
    assert others <= await live(house.pool)


async def test_what_can_not_be_rebuilt_is_said(house: House) -> None:
    for arguments, says in (
        (("moods",), "There is no projection moods"),
        ((), "--all"),
    ):
        done = await house.partyline("rebuild", *arguments)
        assert done.returncode != 0
        assert says in done.stderr + done.stdout


async def test_a_parked_call_is_named_and_followed_again_once_its_message_can_be_read(
    house: House,
) -> None:
    """Here the message is taken out, as if a later version knew it."""
    call = await house.call(NUMBER)
    bad = await house.bus.js.publish(f"call.{TENANT}.{call}.line", b"{}")
    await house.project()
    for command in (("projections",), ("projections", "retry")):
        done = await house.partyline(*command)
        assert done.returncode == 1
    assert f"{len(PROJECTIONS)} still can't be" in done.stdout
    await house.bus.js.delete_msg("CALLS", bad.seq)
    done = await house.partyline("projections", "retry")
    assert (done.returncode, f"{len(PROJECTIONS)} followed again" in done.stdout) == (0, True)


async def live(pool: Pool) -> set[tuple[str, int]]:
    rows = await pool.fetch(
        "SELECT name, generation FROM projection_positions WHERE state = 'live'"
    )
    return {(row["name"], row["generation"]) for row in rows}
