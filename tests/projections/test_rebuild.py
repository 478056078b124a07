"""Tables made anew beside those that serve."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import rebuild_in_a_process
from eventually import eventually_async
from logs import ROOT, append, append_bytes, append_calls, running, tables
from stories import TENANT, Story, at, question_answered, rang

from contracts.dialog import ToolCalled
from contracts.line import CarrierReported, LineAnswered
from infra.nats import Bus
from infra.nats_server import NatsServer
from infra.postgres import Connection, Pool
from projections import PROJECTIONS
from projections import rebuild as rebuilding
from projections.calls import read as calls
from projections.calls.project import CALLS
from projections.generations import standings
from projections.parking import all_parked
from projections.reading import extent
from projections.rebuild import (
    AlreadyRebuilding,
    Deviated,
    Progress,
    Rebuilt,
    Servers,
    filling,
    rebuild,
    rolled_back,
    taking,
)
from projections.rebuild import plan as planning
from projections.rebuild.indexes import take_indexes
from projections.rebuild.indexing import make_indexes, smallest_first
from projections.run import caught_up
from projections.schema import next_generation
from projections.views.making import make_views

pytestmark = pytest.mark.stack


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks in a small log, so that calls lie across their borders."""
    monkeypatch.setattr(planning, "CHUNK", 70)


@pytest.fixture
def no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk sees nothing of what lies behind it, as is so of what comes long after."""
    monkeypatch.setattr(filling, "_OVERLAP", 0)


async def rebuilt(bus: Bus, pool: Pool, **options: object) -> Rebuilt:
    return await rebuild(bus, pool, PROJECTIONS, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small_chunks")
async def test_a_rebuild_makes_the_same_rows_as_following_did(bus: Bus, pool: Pool) -> None:
    _, last = await append_calls(bus, 40)
    async with running(bus, pool):
        await caught_up(pool, last)
        before = await tables(pool)
        await rebuilt(bus, pool)
        assert await tables(pool) == before
        assert await states(pool, "turns") == [(1, "kept"), (2, "live")]
        later = question_answered()
        await caught_up(pool, await append(bus, later))
        assert await calls.show(pool, TENANT, later.call) is not None


@pytest.mark.parametrize(
    "overlap", [10_000, 0], ids=["the log is read on for all", "the log is asked for each"]
)
@pytest.mark.usefixtures("small_chunks")
async def test_calls_that_go_on_behind_their_chunk_are_whole(
    bus: Bus, pool: Pool, monkeypatch: pytest.MonkeyPatch, overlap: int
) -> None:
    monkeypatch.setattr(filling, "_OVERLAP", overlap)
    monkeypatch.setattr(taking, "_BEHIND", 1)  # so that all of them are seen to be open
    _, last = await append_calls(bus, 20)
    async with running(bus, pool):
        await caught_up(pool, last)
        before = await tables(pool)
        await rebuilt(bus, pool)
        assert await tables(pool) == before


@pytest.mark.usefixtures("small_chunks")
async def test_processes_that_share_the_chunks_make_the_same_rows(
    bus: Bus, pool: Pool, log_server: NatsServer, tables_dsn: str
) -> None:
    _, last = await append_calls(bus, 40)
    async with running(bus, pool):
        await caught_up(pool, last)
    before = await tables(pool)
    await rebuilt(bus, pool, servers=Servers(nats=log_server.url, postgres=tables_dsn), workers=2)
    assert await tables(pool) == before


async def test_dropping_the_whole_database_and_rebuilding_gives_the_same_rows(
    bus: Bus, pool: Pool, other_pool: Pool
) -> None:
    _, last = await append_calls(bus, 20)
    async with running(bus, pool):
        await caught_up(pool, last)
    await rebuilt(bus, other_pool)
    assert await tables(other_pool) == await tables(pool)


@pytest.mark.usefixtures("small_chunks")
async def test_nobody_who_reads_notices_a_rebuild(bus: Bus, pool: Pool) -> None:
    _, last = await append_calls(bus, 30)
    async with running(bus, pool):
        await caught_up(pool, last)
        async with reading_on(pool) as found:
            await rebuilt(bus, pool)
            await rebuilt(bus, pool)
            await rolled_back(pool, PROJECTIONS)
    assert len(found) > 10
    assert set(found) == {30}


@asynccontextmanager
async def reading_on(pool: Pool) -> AsyncIterator[list[int]]:
    """Somebody who reads all the time, and what they find."""
    found: list[int] = []

    async def read() -> None:
        while True:
            rows = await pool.fetch("SELECT t.call FROM timeline AS t JOIN calls USING (call)")
            found.append(len({row["call"] for row in rows}))

    reading = asyncio.create_task(read())
    try:
        yield found
    finally:
        failed = reading.done()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert not failed


@pytest.mark.usefixtures("small_chunks")
async def test_a_rebuild_that_is_stopped_goes_on_where_it_was(bus: Bus, pool: Pool) -> None:
    _, last = await append_calls(bus, 40)
    some = asyncio.Event()

    def tell(progress: Progress) -> None:
        if progress.messages:
            some.set()

    stopped = asyncio.create_task(rebuilt(bus, pool, tell=tell))
    await some.wait()
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    before = await pool.fetchval("SELECT count(*) FROM rebuild_chunks")
    size = await pool.fetchval("SELECT chunk FROM rebuilds")
    assert 0 < before < len(range(1, last + 1, size))
    again: list[Progress] = []
    await rebuilt(bus, pool, tell=again.append)
    assert again[0].messages == before * size
    assert {c.state for c in await calls.list(pool, TENANT, 100)} == {"ended"}
    assert len(await calls.list(pool, TENANT, 100)) == 40


async def test_an_index_that_was_made_before_a_kill_is_not_made_again(bus: Bus, pool: Pool) -> None:
    await append_calls(bus, 3)
    log = await extent(bus)
    begun = await planning.begun(pool, PROJECTIONS, log)
    await make_indexes(pool, begun._replace(indexes=begun.indexes[:2]))
    going_on = await planning.begun(pool, PROJECTIONS, log)
    assert (going_on.id, going_on.indexes) == (begun.id, begun.indexes[2:])
    await rebuilt(bus, pool)
    async with pool.acquire() as db:
        made = [i for e in begun.generations for i in await take_indexes(db, e.schema)]
    assert sorted(made) == sorted(begun.indexes)


async def test_the_largest_tables_index_is_begun_first(bus: Bus, pool: Pool) -> None:
    """None is left to one connection while the other has nothing to do."""
    await append_calls(bus, 40)
    await rebuilt(bus, pool)
    async with pool.acquire() as db:
        plan = [await next_generation(db, each) for each in PROJECTIONS]
        live = [f"{each.name}_{each.number - 1}" for each in plan]
        indexes = [index for each in live for index in await take_indexes(db, each)]
    assert "timeline_pkey" in (await smallest_first(pool, indexes))[-1]


async def test_autovacuum_keeps_off_tables_until_they_are_live(bus: Bus, pool: Pool) -> None:
    """It would hold up the moment in which they become so."""
    await append_calls(bus, 3)
    before: list[set[str]] = []

    async def look(db: Connection) -> None:
        before.append(await not_vacuumed(db))
        await make_views(db)

    await rebuilt(bus, pool, after_show=look)
    assert before == [{table.name for each in PROJECTIONS for table in each.tables}]
    assert await not_vacuumed(pool) == set()


async def not_vacuumed(db: "Connection | Pool") -> set[str]:
    rows = await db.fetch(
        "SELECT relname FROM pg_class WHERE 'autovacuum_enabled=false' = ANY(reloptions)"
    )
    return {row["relname"] for row in rows}


@pytest.mark.usefixtures("small_chunks")
async def test_what_comes_soon_after_a_calls_end_is_read_with_its_chunk(
    bus: Bus, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a call at each border would be asked for by itself, one after the other."""
    monkeypatch.setattr(taking, "_AT_ONCE", 1)  # so that reading could stop at each end
    for _ in range(10):
        await append(bus, story := question_answered())
        await append(bus, question_answered())
        reported = CarrierReported(at_ms=at(9_999), status="completed", sequence=4)
        await append(bus, Story(story.call, first_sequence=90).stored(9_999, reported))
    found = []

    async def noted(pool: Pool, plan: planning.Plan) -> list[planning.LateCall]:
        found.append(await planning.late_calls(pool, plan))
        return found[0]

    monkeypatch.setattr(rebuilding, "late_calls", noted)
    await rebuilt(bus, pool)
    assert found == [[]]


@pytest.mark.usefixtures("small_chunks", "no_overlap")
async def test_what_comes_long_after_a_calls_end_is_in_its_rows(bus: Bus, pool: Pool) -> None:
    stories, _ = await append_calls(bus, 10, at_once=1)
    reported = CarrierReported(at_ms=at(9_999), status="completed", sequence=4)
    written = list(stories)
    for story in stories:
        late = Story(story.call, first_sequence=90).stored(9_999, reported)
        last = await append(bus, late)
        await append(bus, later := question_answered())
        written += (late, later)
    async with running(bus, pool):
        await caught_up(pool, last)
        before = await tables(pool)
    done = await rebuilt(bus, pool)
    assert await tables(pool) == before
    assert done.events == sum(len(m.message.events) for each in written for m in each.messages)
    assert done.rows == sum(map(len, before.values()))
    statuses = {c.call: c.carrier_status for c in await calls.list(pool, TENANT, 100)}
    assert {statuses[story.call] for story in stories} == {"completed"}


async def test_a_call_without_a_ring_is_rebuilt_too(bus: Bus, pool: Pool) -> None:
    """Its beginning had expired."""
    await append_calls(bus, 3)
    headless = Story().stored(1, LineAnswered(at_ms=at(1), stream="MZ"))
    async with running(bus, pool):
        await caught_up(pool, await append(bus, headless))
        before = await tables(pool)
    await rebuilt(bus, pool)
    assert await tables(pool) == before
    assert await calls.show(pool, TENANT, headless.call) is not None


async def test_a_rebuild_parks_what_following_parked_and_takes_what_it_took(
    bus: Bus, pool: Pool
) -> None:
    nul = msgspec.structs.replace(rang(), caller="+1\0")
    too_large = ToolCalled(at_ms=1, invocation="i", turn=10**12, tool="book", arguments={})
    await append(bus, Story().stored(1, nul))
    refused = Story().stored(1, rang()).stored(2, too_large)
    await append(bus, refused)
    await append(bus, question_answered())
    unreadable = Story().stored(1, rang())
    await append(bus, unreadable)
    last = await append_bytes(bus, unreadable, b"{}")
    async with running(bus, pool):
        await caught_up(pool, last)
    before, parked = await tables(pool), await parked_at(pool)
    await rebuilt(bus, pool)
    assert await tables(pool) == before
    assert await parked_at(pool) == parked
    assert {call for _, call, _ in parked} == {refused.call, unreadable.call}


async def parked_at(pool: Pool) -> set[tuple[str, str, int]]:
    return {(each.projection, each.call, each.sequence) for each in await all_parked(pool)}


@pytest.mark.usefixtures("small_chunks")
async def test_a_rebuild_that_is_killed_goes_on_where_it_was(
    bus: Bus, pool: Pool, log_server: NatsServer, tables_dsn: str
) -> None:
    _, last = await append_calls(bus, 60)
    async with running(bus, pool):
        await caught_up(pool, last)
    before = await tables(pool)
    async with pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT turn FROM turns")  # who reads keeps others from becoming live
        killed = await asyncio.create_subprocess_exec(
            *(sys.executable, rebuild_in_a_process.__file__, log_server.url, tables_dsn),
            env={"PYTHONPATH": str(ROOT)},
        )
        await eventually_async(lambda: some_chunks(pool), 30)
        killed.kill()
        await killed.wait()
    assert await states(pool, "turns") == [(1, "live"), (2, "filling")]
    await eventually_async(lambda: goes_on(bus, pool), 30)
    assert await states(pool, "turns") == [(1, "kept"), (2, "live")]
    assert await tables(pool) == before


async def some_chunks(pool: Pool) -> bool:
    if await pool.fetchval("SELECT to_regclass('rebuild_chunks')") is None:
        return False
    return bool(await pool.fetchval("SELECT count(*) FROM rebuild_chunks"))


async def goes_on(bus: Bus, pool: Pool) -> bool:
    """PostgreSQL may need a moment to see that the killed one is gone."""
    try:
        await rebuilt(bus, pool)
    except AlreadyRebuilding:
        return False
    return True


async def test_a_second_rebuild_at_the_same_time_is_refused(bus: Bus, pool: Pool) -> None:
    await append_calls(bus, 5)
    both = await asyncio.gather(rebuilt(bus, pool), rebuilt(bus, pool), return_exceptions=True)
    refused = [each for each in both if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [AlreadyRebuilding]


async def test_after_a_rollback_the_earlier_tables_read_on(bus: Bus, pool: Pool) -> None:
    _, last = await append_calls(bus, 5)
    async with running(bus, pool):
        await caught_up(pool, last)
        await rebuilt(bus, pool)
        await caught_up(pool, await append(bus, question_answered()))
        await rolled_back(pool, PROJECTIONS)
        assert await states(pool, "calls") == [(1, "live"), (2, "kept")]
        await caught_up(pool, await append(bus, question_answered()))
    assert len(await calls.list(pool, TENANT)) == 7


async def test_tables_that_would_say_something_else_do_not_become_live(
    bus: Bus, pool: Pool
) -> None:
    stories, last = await append_calls(bus, 3)
    async with running(bus, pool):
        await caught_up(pool, last)
    await pool.execute("UPDATE calls_1.calls SET turns = 7 WHERE call = $1", stories[1].call)
    with pytest.raises(Deviated, match=r"calls \(1 calls\)"):
        await rebuilt(bus, pool)
    assert await states(pool, "calls") == [(1, "live"), (2, "filling")]
    await rebuilt(bus, pool, check=False)
    assert {c.turns for c in await calls.list(pool, TENANT)} == {1}


async def test_one_projection_can_be_rebuilt_alone(bus: Bus, pool: Pool) -> None:
    _, last = await append_calls(bus, 3)
    async with running(bus, pool):
        await caught_up(pool, last)
        await rebuild(bus, pool, [CALLS])
        await caught_up(pool, await append(bus, question_answered()))
    assert await states(pool, "turns") == [(1, "live")]
    assert len(await calls.list(pool, TENANT)) == 4


async def states(pool: Pool, name: str) -> list[tuple[int, str]]:
    async with pool.acquire() as db:
        return [(each.generation, each.state) for each in await standings(db, name)]
