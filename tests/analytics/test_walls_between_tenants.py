"""No analyst sees a row of another tenant, by whatever way."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
from analysts_at_work import VIEWS, added, dsn_of, refusal
from seeded_calls import OURS, THEIRS

from infra.postgres import Pool, connect_pool

Analysts = tuple[str, str]


@pytest.fixture
async def roles(owner: Pool) -> AsyncIterator[Analysts]:
    async with added(owner) as names:
        yield names


@pytest.fixture
async def ours(copy: str, roles: Analysts) -> AsyncIterator[asyncpg.Connection]:
    """Our analyst, logged in."""
    db = await asyncpg.connect(dsn_of(copy, roles[0]))
    yield db
    await db.close()


async def _tenants(db: asyncpg.Connection, view: str) -> set[str]:
    return {row["tenant"] for row in await db.fetch(f"SELECT DISTINCT tenant FROM {view}")}


async def test_a_view_shows_an_analyst_all_rows_of_the_own_tenant_and_no_other(
    owner: Pool, ours: asyncpg.Connection
) -> None:
    for view in VIEWS:
        assert await owner.fetchval(f"SELECT count(DISTINCT tenant) FROM {view}") == 2, view
        wanted = await owner.fetchval(f"SELECT count(*) FROM {view} WHERE tenant = $1", OURS)
        assert await ours.fetchval(f"SELECT count(*) FROM {view}") == wanted > 0, view
        assert await _tenants(ours, view) == {OURS}, view


async def test_one_connection_used_by_one_role_after_another_mixes_nothing(
    copy: str, roles: Analysts
) -> None:
    """As a pooler does it: SET ROLE, the same prepared statements, plans that are kept."""
    pool = await connect_pool(copy, size=1)
    async with pool.acquire() as db:
        await db.execute("SET plan_cache_mode = force_generic_plan")
        statements = {
            view: await db.prepare(f"SELECT DISTINCT tenant FROM {view}") for view in VIEWS
        }
        for role, tenant in (*zip(roles, (OURS, THEIRS), strict=True), (roles[0], OURS)) * 2:
            await db.execute(f'SET ROLE "{role}"')
            for view, statement in statements.items():
                assert {r["tenant"] for r in await statement.fetch()} == {tenant}, view
            await db.execute("RESET ROLE")
            for view, statement in statements.items():
                assert len(await statement.fetch()) == 2, f"{view}, as the owner"
    await pool.close()


async def test_a_role_that_is_no_analyst_sees_nothing(owner: Pool, roles: Analysts) -> None:
    async with owner.acquire() as db:
        await db.execute("SET ROLE partyline_analysts")
        for view in VIEWS:
            assert await db.fetchval(f"SELECT count(*) FROM {view}") == 0, view
        await db.execute("RESET ROLE")


async def test_an_analyst_who_is_given_the_owners_rights_by_mistake_sees_one_tenant(
    owner: Pool, copy: str, roles: Analysts
) -> None:
    await owner.execute(f'GRANT postgres TO "{roles[0]}"')
    db = await asyncpg.connect(dsn_of(copy, roles[0]))
    for view in VIEWS:
        assert await _tenants(db, view) == {OURS}, view
    await db.close()


async def test_an_analyst_who_is_removed_reads_nothing_in_a_session_that_is_open(
    owner: Pool, ours: asyncpg.Connection, roles: Analysts
) -> None:
    kept = await ours.prepare("SELECT count(*) FROM v_calls")
    assert await kept.fetchval() > 0
    async with owner.acquire() as db, db.transaction():
        await db.execute("DELETE FROM analyst_tenants WHERE role = $1", roles[0])
    assert await kept.fetchval() == 0
    await owner.execute("INSERT INTO analyst_tenants VALUES ($1, $2)", roles[0], OURS)


async def test_no_setting_lets_an_analyst_be_somebody_else(
    ours: asyncpg.Connection, roles: Analysts
) -> None:
    for statement in (
        f'SET ROLE "{roles[1]}"',
        "SET ROLE postgres",
        "SET ROLE partyline_views",
        "SET ROLE partyline_analysts",
        f'SET SESSION AUTHORIZATION "{roles[1]}"',
        "INSERT INTO analyst_tenants VALUES (current_user, 'rival')",
        "UPDATE analyst_tenants SET tenant = 'rival'",
    ):
        await ours.execute("SET default_transaction_read_only = off")
        assert await refusal(ours, statement) == "InsufficientPrivilegeError", statement
    for setting in ("partyline.tenant = 'rival'", "search_path = pg_catalog"):
        await ours.execute(f"SET {setting}")
        assert await _tenants(ours, "public.v_calls") == {OURS}
    await ours.execute("SET row_security = off")  # "rather fail than hide a row from me"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await _tenants(ours, "public.v_calls")


async def test_an_analyst_reads_no_table_and_no_other_schema(
    owner: Pool, ours: asyncpg.Connection
) -> None:
    relations = await owner.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'v', 'm', 'p') AND nspname !~ '^(pg_|information_schema)'"
    )
    names = {row["name"] for row in relations}
    assert {"calls_1.calls", "calls", "analyst_tenants", "reader", "prices", "parked"} <= names
    for name in names - set(VIEWS):
        found = await refusal(ours, f"SELECT FROM {name}")
        assert found == "InsufficientPrivilegeError", name
    for name in names:
        assert await refusal(ours, f"TRUNCATE {name}") != "it was done", name


async def test_no_error_and_no_explanation_is_made_of_another_tenants_rows(
    ours: asyncpg.Connection,
) -> None:
    for view in VIEWS:
        for leaky in (
            "1 / (CASE WHEN tenant = 'rival' THEN 0 ELSE 1 END) = 1",
            "CAST(CASE WHEN tenant = 'rival' THEN tenant ELSE '1' END AS int) = 1",
        ):
            assert await ours.fetchval(f"SELECT count(*) FROM {view} WHERE {leaky}") > 0, view
            await ours.fetch(f"EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM {view} WHERE {leaky}")


async def test_a_cheap_function_of_the_analysts_own_is_never_given_another_tenants_row(
    copy: str, owner: Pool, roles: Analysts
) -> None:
    """Even where somebody gave analysts the right to make functions."""
    database = copy.rpartition("/")[2].partition("?")[0]
    await owner.execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO partyline_analysts')
    db = await asyncpg.connect(dsn_of(copy, roles[0]))
    told: list[str] = []
    db.add_log_listener(lambda _, message: told.append(str(message.message)))
    await db.execute("SET default_transaction_read_only = off")
    await db.execute(
        "CREATE FUNCTION pg_temp.tell(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001"
        " AS $$ BEGIN RAISE WARNING '%', t; RETURN true; END $$"
    )
    for view in VIEWS:
        await db.fetch(f"SELECT tenant FROM {view} WHERE pg_temp.tell(tenant)")
    await db.close()
    assert set(told) == {OURS}


async def test_statistics_tell_an_analyst_nothing(owner: Pool, ours: asyncpg.Connection) -> None:
    assert await owner.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'calls'") > 0
    shown = await ours.fetch(
        "SELECT schemaname FROM pg_stats UNION SELECT schemaname FROM pg_stats_ext"
    )
    assert {row["schemaname"] for row in shown} <= {"pg_catalog", "information_schema"}
    assert await refusal(ours, "SELECT FROM pg_statistic") == "InsufficientPrivilegeError"


async def test_the_planner_knows_no_personal_data_and_so_gives_none_away(
    owner: Pool, ours: asyncpg.Connection
) -> None:
    personal = await owner.fetch(
        "SELECT a.attrelid::regclass::text || '.' || attname AS name, attstattarget,"
        " EXISTS (SELECT FROM pg_statistic WHERE starelid = a.attrelid AND staattnum = attnum)"
        " FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'"
        " WHERE col_description(attrelid, attnum) LIKE 'Personal data.%'"
    )
    assert "calls_1.calls.caller" in {row["name"] for row in personal}
    assert [row["name"] for row in personal if row["attstattarget"] != 0 or row["exists"]] == []
    frequent = await owner.fetchval(
        "SELECT caller FROM calls WHERE tenant = $1 GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
        THEIRS,
    )
    estimates = {
        await _estimate(ours, f"SELECT FROM v_calls WHERE caller = '{number}'")
        for number in (frequent, "+1 555 nobody")
    }
    assert len(estimates) == 1


async def _estimate(db: asyncpg.Connection, query: str) -> float:
    plan = json.loads(await db.fetchval(f"EXPLAIN (FORMAT JSON) {query}"))
    return float(plan[0]["Plan"]["Plan Rows"])


_NO_READING = (
    "CREATE TABLE mine (n int)",
    "CREATE TEMPORARY TABLE mine (n int)",
    "CREATE SCHEMA mine",
    "CREATE VIEW mine AS SELECT * FROM v_calls",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DELETE FROM v_timeline",
    "UPDATE v_timeline SET lane = 'x'",
    "INSERT INTO v_timeline (tenant) VALUES ('main')",
    "DROP VIEW v_calls",
    "ALTER VIEW v_calls OWNER TO current_user",
    "COMMENT ON VIEW v_calls IS 'x'",
    "LOCK TABLE v_calls IN EXCLUSIVE MODE",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_xact_lock(1, 1)",
    "COPY v_calls TO '/tmp/calls'",
    "COPY v_calls TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "CREATE ROLE friend",
    "ALTER ROLE postgres PASSWORD 'x'",
)


async def test_an_analyst_writes_nothing_and_holds_up_nobody(ours: asyncpg.Connection) -> None:
    await ours.execute("SET default_transaction_read_only = off")
    for statement in _NO_READING:
        found = await refusal(ours, statement)
        assert found == "InsufficientPrivilegeError", f"{statement}: {found}"


async def test_a_view_given_away_by_mistake_is_still_held_to_the_readers_tenant(
    copy: str, roles: Analysts
) -> None:
    """FORCE: also a table's own owner, if no superuser, reads for somebody else only that one's."""
    db = await asyncpg.connect(copy)
    await db.execute("CREATE ROLE plain_owner_of_tests")
    try:
        await db.execute("GRANT USAGE ON SCHEMA calls_1 TO plain_owner_of_tests")
        await db.execute("ALTER TABLE calls_1.calls OWNER TO plain_owner_of_tests")
        await db.execute("ALTER VIEW public.calls OWNER TO plain_owner_of_tests")
        await db.execute("GRANT SELECT ON reader TO plain_owner_of_tests")
        await db.execute(f'GRANT SELECT ON public.calls TO "{roles[0]}"')
        await db.execute(f'SET ROLE "{roles[0]}"')
        assert await _tenants(db, "public.calls") == {OURS}
    finally:
        await db.execute("RESET ROLE")
        await db.execute(f'REVOKE SELECT ON public.calls FROM "{roles[0]}"')
        await db.execute("REASSIGN OWNED BY plain_owner_of_tests TO postgres")
        await db.execute("DROP OWNED BY plain_owner_of_tests")
        await db.execute("DROP ROLE plain_owner_of_tests")
        await db.close()
