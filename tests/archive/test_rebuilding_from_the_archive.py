"""A rebuild reads what the log has let go, as if it had stayed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from archive_house import TENANT, House
from logs import tables

from contracts.line import CarrierReported
from contracts.streams import call_subject
from infra.archive import open_archive
from infra.postgres import Pool, connect_pool
from projections import PROJECTIONS
from projections.parking import all_parked
from projections.rebuild import rebuild
from projections.run import caught_up, run

pytestmark = pytest.mark.stack


@pytest.fixture
async def pool(tables_dsn: str) -> AsyncIterator[Pool]:
    pool = await connect_pool(tables_dsn)
    yield pool
    await pool.close()


async def test_calls_of_the_archive_and_of_the_log_are_in_the_tables_once(
    town: House, tmp_path: Path, pool: Pool
) -> None:
    """Some are let go, some are in both, one went on after it was let go, some never left."""
    archive = open_archive(str(tmp_path / "archive"))
    gone = [await town.ended_call() for _ in range(4)]
    await town.archive(archive)
    assert await town.hot(gone[0]) == []
    both = [await town.ended_call() for _ in range(3)]
    await town.archive_and_die_before_purging(archive)
    await town.store(
        TENANT, gone[2], "line", CarrierReported(at_ms=9, status="completed", sequence=4)
    )
    stayed = [await town.acted_call() for _ in range(2)]
    await rebuild(town.bus, pool, PROJECTIONS, archive=archive)
    rows = {row["call"]: row for row in (await tables(pool))["calls"]}
    assert rows.keys() == {*gone, *both, *stayed}
    assert {row["state"] for row in rows.values()} == {"ended"}
    assert rows[gone[2]]["carrier_status"] == "completed"
    timeline = (await tables(pool))["timeline"]
    assert len([row for row in timeline if row["call"] == gone[2]]) == 6
    assert len([row for row in timeline if row["call"] == both[0]]) == 5


async def test_a_decision_of_another_release_parks_no_call_of_the_archive(
    town: House, tmp_path: Path, pool: Pool
) -> None:
    """As it parks none that is followed: of a decision the tables want its cause."""
    archive = open_archive(str(tmp_path / "archive"))
    call = await town.ended_call()
    decision = {"n": 1, "basis": 1, "more": [{"type": "model.sang/1"}]}
    payload = msgspec.json.encode({"by": "dialog-2", "events": [], "decision": decision})
    await town.bus.js.publish(call_subject(TENANT, call, "dialog"), payload)
    await town.archive(archive)
    assert await town.hot(call) == []
    await rebuild(town.bus, pool, PROJECTIONS, archive=archive)
    assert not await all_parked(pool)
    assert [row["call"] for row in (await tables(pool))["calls"]] == [call]


async def test_a_call_that_goes_on_after_it_was_let_go_keeps_its_rows(
    town: House, tmp_path: Path, pool: Pool
) -> None:
    archive = open_archive(str(tmp_path / "archive"))
    call = await town.ended_call()
    await rebuild(town.bus, pool, PROJECTIONS, archive=archive)
    before = await tables(pool)
    await town.archive(archive)
    await town.store(TENANT, call, "line", CarrierReported(at_ms=9, status="done", sequence=4))
    await followed(town, pool, str(tmp_path / "archive"))
    (row,) = (await tables(pool))["calls"]
    assert row == before["calls"][0] | {"carrier_status": "done", "carrier_report": 4}


async def followed(town: House, pool: Pool, place: str) -> None:
    """Projections that know the archive read what is new."""
    stop = asyncio.Event()
    task = asyncio.create_task(
        run(town.bus, pool, stop=stop, archive=open_archive(place)), name="following"
    )
    last = (await town.bus.js.stream_info("CALLS")).state.last_seq
    await caught_up(pool, last)
    stop.set()
    await task
