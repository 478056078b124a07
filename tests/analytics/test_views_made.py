"""The views for analysts follow the tables, whatever becomes of these."""

import asyncio
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from analysts_at_work import VIEWS, added, dsn_of
from seeded_calls import OURS, THEIRS, administer, store, store_agents

from infra.embedded import Addresses
from infra.postgres import Connection, Pool, connect_pool
from loadtest.generating import histories
from projections import PROJECTIONS
from projections.calls.project import CALLS
from projections.generations import Generation
from projections.rebuild.swapping import AfterShow, swapped
from projections.schema import make, prepare
from projections.views import making
from projections.views.making import Unguarded, definitions, make_views

_MADE = (
    "SELECT relname, oid, xmin::text FROM pg_class"
    " WHERE relkind = 'v' AND starts_with(relname, 'v_')"
)


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    pool = await connect_pool(postgres_dsn)
    yield pool
    await pool.close()


async def _make_views(pool: Pool) -> None:
    async with pool.acquire() as db, db.transaction():
        await make_views(db)


async def _made(pool: Pool) -> dict[str, tuple[int, str]]:
    return {name: (oid, xmin) for name, oid, xmin in await pool.fetch(_MADE)}


async def _next_calls(pool: Pool) -> Generation:
    """The table calls once more, with the same rows, as a rebuild leaves it before the swap."""
    generation = Generation(CALLS, 2, "filling")
    async with pool.acquire() as db, db.transaction():
        await make(db, generation)
        columns = ", ".join(CALLS.tables[0].row.__struct_fields__)
        await db.execute(
            f"INSERT INTO calls_2.calls ({columns}) SELECT {columns} FROM calls_1.calls"
        )
        await db.execute("UPDATE projection_positions SET position = 9 WHERE generation = 2")
    return generation


async def _swap(pool: Pool, after_show: AfterShow = make_views) -> None:
    generation = await _next_calls(pool)
    while not await swapped(pool, [generation], after_show):
        pass  # it gave way to a reader


async def _nothing(db: Connection) -> None:
    """What somebody does who thinks of no views."""


async def test_all_views_are_made_and_every_column_is_explained(seeded: str) -> None:
    db = await asyncpg.connect(seeded)
    silent = await db.fetch(
        "SELECT relname, attname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid"
        " WHERE c.relname = ANY($1) AND (col_description(c.oid, a.attnum) IS NULL"
        " OR obj_description(c.oid) IS NULL)",
        VIEWS,
    )
    made = {row["relname"] for row in await db.fetch(_MADE)}
    await db.close()
    assert silent == []
    assert made == set(VIEWS)


async def test_personal_data_is_named_where_a_table_names_it(seeded: str) -> None:
    db = await asyncpg.connect(seeded)
    marked = "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND {}"
    personal = "col_description(attrelid, attnum) LIKE 'Personal data.%'"
    for view, table in (("v_calls", "calls"), ("v_turns", "turns"), ("v_tools", "tool_runs")):
        of_table = {row[0] for row in await db.fetch(marked.format(personal), table)}
        of_view = {row[0] for row in await db.fetch(marked.format(personal), view)}
        assert of_view == of_table
        assert of_view
    await db.close()


async def test_made_a_second_time_nothing_is_touched(owner: Pool) -> None:
    before = await _made(owner)
    await _make_views(owner)
    assert await _made(owner) == before


async def test_nobody_waits_for_an_analysts_long_query_when_nothing_changes(owner: Pool) -> None:
    async with owner.acquire() as analyst, analyst.transaction():
        await analyst.fetch("SELECT FROM v_containment, v_costs_daily LIMIT 1")
        await asyncio.wait_for(_make_views(owner), 20)


async def test_a_view_whose_table_nobody_has_made_is_left_out_until_it_is_there(pool: Pool) -> None:
    await prepare(pool, CALLS)
    await _make_views(pool)
    assert set(await _made(pool)) == {"v_agents", "v_containment", "v_funnel"}
    for projection in PROJECTIONS:
        await prepare(pool, projection)
    await _make_views(pool)
    assert set(await _made(pool)) == set(VIEWS)


async def test_before_any_projection_ever_ran_there_is_nothing_and_nothing_breaks(
    pool: Pool,
) -> None:
    await pool.execute("CREATE TABLE projection_positions (name text, generation int, state text)")
    await _make_views(pool)
    assert await _made(pool) == {}


async def test_new_tables_take_the_old_ones_place_under_readers_who_notice_nothing(
    owner: Pool, copy: str
) -> None:
    await owner.execute(
        "CREATE VIEW busy_days AS SELECT day, sum(calls) FROM v_containment GROUP BY 1"
    )
    async with added(owner) as (ours, _):
        reader = await asyncpg.connect(dsn_of(copy, ours))
        wanted = await reader.fetchval("SELECT count(*) FROM v_calls")
        seen, stop = [], asyncio.Event()
        again: asyncio.Queue[None] = asyncio.Queue()

        async def read() -> None:
            while not stop.is_set():
                seen.append(await reader.fetchval("SELECT count(*) FROM v_calls"))
                again.put_nowait(None)
                await reader.fetch("SELECT FROM v_rag_misses JOIN v_containment USING (day)")

        reading = asyncio.create_task(read())
        await _swap(owner)
        while not again.empty():
            again.get_nowait()
        for _ in range(3):
            await again.get()
        stop.set()
        await reading
        await reader.close()
    assert set(seen) == {wanted}
    bases = await owner.fetchval("SELECT pg_get_viewdef('v_calls'::regclass)")
    assert "calls_2.calls" in bases
    assert "calls_1." not in bases
    assert await owner.fetchval("SELECT count(*) FROM busy_days") > 0


async def test_the_tables_before_can_be_dropped_once_the_views_have_left_them(owner: Pool) -> None:
    await _swap(owner)
    await owner.execute("DROP SCHEMA calls_1 CASCADE")
    assert set(await _made(owner)) == set(VIEWS)
    assert await owner.fetchval("SELECT count(*) FROM v_calls") > 0


async def test_views_that_went_with_a_tables_schema_come_back(owner: Pool) -> None:
    await _swap(owner, after_show=_nothing)
    await owner.execute("DROP SCHEMA calls_1 CASCADE")
    assert "v_calls" not in await _made(owner)
    await _make_views(owner)
    assert set(await _made(owner)) == set(VIEWS)


async def test_a_view_of_other_columns_is_made_anew_with_all_that_stand_on_it(
    owner: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = dict(definitions())
    shorter = re.sub(r"FROM costs AS c", ", 1 AS added FROM costs AS c", texts["v_costs"])
    texts["v_costs"] = shorter.replace("SELECT c.tenant, c.at,", "SELECT c.at, c.tenant,", 1)
    monkeypatch.setattr(making, "definitions", lambda: texts)
    await _make_views(owner)
    assert set(await _made(owner)) == set(VIEWS)
    assert await owner.fetchval("SELECT DISTINCT added FROM v_costs") == 1
    assert await owner.fetchval("SELECT sum(cost) FROM v_calls") > 0


async def test_a_view_of_a_table_that_lets_every_row_through_is_not_made(
    owner: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "CREATE OR REPLACE VIEW public.v_parked AS SELECT * FROM parked"
    monkeypatch.setattr(making, "definitions", lambda: {"v_parked": text})
    with pytest.raises(Unguarded, match="parked"):
        await _make_views(owner)
    assert "v_parked" not in await _made(owner)


async def test_an_owner_who_is_no_superuser_writes_and_copies_and_makes_views(
    stack: Addresses, postgres_dsn: str
) -> None:
    """Row-level security, forced, holds for such an owner, too."""
    name = "owner_of_tests"
    await administer(postgres_dsn, f"CREATE ROLE {name} LOGIN CREATEROLE")
    database = postgres_dsn.rpartition("/")[2].partition("?")[0]
    await administer(postgres_dsn, f"ALTER DATABASE {database} OWNER TO {name}")
    # Other tests of this server have made these roles; here their maker is somebody else.
    for role in ("partyline_views", "partyline_analysts"):
        await _grant_all_of(postgres_dsn, role, name)
    pool = await connect_pool(dsn_of(postgres_dsn, name))
    try:
        calls = list(histories(4, 12, tenants=(OURS, THEIRS), days=2.0))
        await store(pool, calls)
        await store_agents(pool)
        await _make_views(pool)
        assert await pool.fetchval(
            "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'calls_1.calls'::regclass"
        )
        await store(pool, calls)  # the runner goes on, with rows that are there already
        assert await pool.fetchval("SELECT count(DISTINCT tenant) FROM v_calls") == 2
        async with added(pool) as (ours, _):
            reader = await asyncpg.connect(dsn_of(postgres_dsn, ours))
            assert await reader.fetchval("SELECT array_agg(DISTINCT tenant) FROM v_calls") == [OURS]
            await reader.close()
        await _copy(pool)
        assert await pool.fetchval("SELECT array_agg(call) FROM v_calls") == ["copied"]
    finally:
        await pool.close()
        await administer(postgres_dsn, f"DROP OWNED BY {name} CASCADE")
        await administer(postgres_dsn, f"ALTER DATABASE {database} OWNER TO postgres")
        await administer(postgres_dsn, f"DROP ROLE {name}")


async def _grant_all_of(dsn: str, role: str, to: str) -> None:
    known = f"SELECT FROM pg_roles WHERE rolname = '{role}'"
    make = f"IF NOT EXISTS ({known}) THEN CREATE ROLE {role} NOLOGIN; END IF"
    await administer(dsn, f"DO $$ BEGIN {make}; END $$")
    await administer(dsn, f"GRANT {role} TO {to} WITH ADMIN TRUE, INHERIT TRUE, SET TRUE")


async def _copy(pool: Pool) -> None:
    """As a rebuild fills a generation that is not live."""
    generation = Generation(CALLS, 2, "filling")
    async with pool.acquire() as db, db.transaction():
        await make(db, generation)
        await db.copy_records_to_table(
            "calls", schema_name="calls_2", columns=["tenant", "call"], records=[("main", "copied")]
        )
    assert await swapped(pool, [generation])
