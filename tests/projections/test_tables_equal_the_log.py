"""The tables against a fold of the log: whatever was done to a row is found."""

from collections.abc import Mapping, Sequence

import pytest
from logs import append, append_bytes, append_calls, running
from stories import TENANT, Story, at, question_answered

from contracts import dialog
from contracts.ids import CallId
from infra.call_log import CallLog
from infra.nats import Bus
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.comparing import Difference, Halted, calls_in_tables, compare, remembered
from projections.reading import Stored, Unread
from projections.run import caught_up

pytestmark = pytest.mark.stack
TABLES = ["calls", "turns", "tool_runs", "timeline"]
KEYS = {
    "calls": "state",
    "turns": "intent",
    "tool_runs": "took_ms",
    "timeline": "label",
}


@pytest.fixture
async def story(bus: Bus, pool: Pool) -> Story:
    """A call with a row in every table, between two others; the projections have read it."""
    called = dialog.ToolCalled(at_ms=at(8_000), invocation="run-1", turn=1, tool="t", arguments={})
    returned = dialog.ToolReturned(
        at_ms=at(8_100), invocation="run-1", tool="t", ok=True, result={"number": "one"}, took_ms=5
    )
    story = question_answered().stored(9_100, called).stored(9_200, returned)
    await append(bus, question_answered())
    await append(bus, story)
    last = await append(bus, question_answered())
    async with running(bus, pool):
        await caught_up(pool, last)
    return story


async def test_untouched_tables_are_what_the_log_makes_of_them(
    bus: Bus, pool: Pool, story: Story
) -> None:
    assert await compared(bus, pool, await CallLog(bus).calls(TENANT)) == []


@pytest.mark.parametrize("table", TABLES)
async def test_a_row_that_is_gone_is_missed(bus: Bus, pool: Pool, story: Story, table: str) -> None:
    await pool.execute(f"DELETE FROM {table}_1.{table} WHERE ctid = ({one_row(table)})", story.call)
    assert [(d.call, d.table, d.what) for d in await different(bus, pool, story)] == [
        (story.call, table, "is missing")
    ]


@pytest.mark.parametrize("table", TABLES)
async def test_a_row_that_was_changed_is_found_with_its_column(
    bus: Bus, pool: Pool, story: Story, table: str
) -> None:
    column, other = KEYS[table], other_value(table)
    await pool.execute(
        f"UPDATE {table}_1.{table} SET {column} = {other} WHERE ctid = ({one_row(table)})",
        story.call,
    )
    found = await different(bus, pool, story)
    assert [(d.call, d.table) for d in found] == [(story.call, table)]
    assert found[0].what.startswith("differs in ")
    assert column in found[0].what


@pytest.mark.parametrize("table", TABLES)
async def test_a_row_that_was_added_is_found(
    bus: Bus, pool: Pool, story: Story, table: str
) -> None:
    keys = {"turns": "turn", "tool_runs": "invocation", "timeline": "sequence", "calls": "call"}
    key = keys[table]
    value = "'run-9'" if key == "invocation" else "'another'" if key == "call" else "99999"
    columns = await stored_columns(pool, table)
    chosen = ", ".join(value if name == key else name for name in columns)
    await pool.execute(
        f"INSERT INTO {table}_1.{table} ({', '.join(columns)})"
        f" SELECT {chosen} FROM {table}_1.{table}"
        f" WHERE ctid = ({one_row(table)})",
        story.call,
    )
    if table == "calls":
        assert (await calls_in_tables(pool, TENANT))[CallId("another")] == ["calls"]
    else:
        found = await different(bus, pool, story)
        assert [(d.table, d.what) for d in found] == [(table, "should not be there")]


async def test_what_is_said_of_a_row_holds_nothing_of_it(
    bus: Bus, pool: Pool, story: Story
) -> None:
    await pool.execute("UPDATE calls_1.calls SET caller = 'somebody' WHERE call = $1", story.call)
    await pool.execute("UPDATE turns_1.turns SET said = 'something' WHERE call = $1", story.call)
    told = repr(await different(bus, pool, story))
    assert "differs in caller" in told
    assert "differs in said" in told
    assert not any(word in told for word in ("+1555", "somebody", "check-up", "something"))


async def test_messages_a_projection_has_yet_to_read_are_left_out(
    bus: Bus, pool: Pool, story: Story
) -> None:
    later, read = question_answered(), [story.call]
    await append(bus, later)
    assert await compared(bus, pool, [*read, later.call]) == []


async def test_where_no_projection_ever_ran_nothing_is_compared(bus: Bus, empty_pool: Pool) -> None:
    stories, _ = await append_calls(bus, 1)
    live = await remembered(empty_pool, TENANT, [stories[0].call])
    assert {each.position for each in live} == {-1}
    assert await compared(bus, empty_pool, [stories[0].call]) == []


async def test_a_parked_call_is_named_and_compared_as_far_as_it_was_followed(
    bus: Bus, pool: Pool
) -> None:
    story = question_answered()
    await append(bus, story)
    refused = await append_bytes(bus, story, b"{}")
    last = await append(bus, Story(story.call).stored(9_999, dialog.TurnMisheard(**MISHEARD)))
    async with running(bus, pool):
        await caught_up(pool, last)
    found = await compared(bus, pool, [story.call])
    assert {(h.projection, h.sequence, h.parked) for h in found if isinstance(h, Halted)} == {
        (each.name, refused, True) for each in PROJECTIONS
    }
    assert len(found) == len(PROJECTIONS)
    await pool.execute("DELETE FROM parked WHERE projection = 'turns'")
    found = [h for h in await compared(bus, pool, [story.call]) if isinstance(h, Halted)]
    assert {h.projection for h in found if not h.parked} == {"turns"}


async def test_the_live_tables_are_only_read(bus: Bus, pool: Pool, story: Story) -> None:
    before = [await pool.fetch(f"SELECT xmin, * FROM {table}_1.{table} AS t") for table in TABLES]
    await compared(bus, pool, [story.call])
    assert [
        await pool.fetch(f"SELECT xmin, * FROM {table}_1.{table} AS t") for table in TABLES
    ] == before


MISHEARD = {"at_ms": at(9_999), "turn": 9, "utterance": 9, "failures": 1}


def one_row(table: str) -> str:
    return f"SELECT ctid FROM {table}_1.{table} WHERE call = $1 ORDER BY ctid LIMIT 1"


def other_value(table: str) -> str:
    return {"tool_runs": "9.5"}.get(table, "'something else'")


async def stored_columns(pool: Pool, table: str) -> list[str]:
    rows = await pool.fetch(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = $1 AND table_schema = $1 || '_1' AND is_generated = 'NEVER'",
        table,
    )
    return [row["column_name"] for row in rows]


async def different(bus: Bus, pool: Pool, story: Story) -> list[Difference]:
    found = await compared(bus, pool, await CallLog(bus).calls(TENANT))
    return [each for each in found if isinstance(each, Difference)]


async def compared(bus: Bus, pool: Pool, calls: Sequence[CallId]) -> list[Difference | Halted]:
    live = await remembered(pool, TENANT, calls)
    stored = {call: await messages(bus, call) for call in calls}
    return [each for one in live for each in compare(one, TENANT, stored)]


async def messages(bus: Bus, call: CallId) -> list[Stored]:
    history, unreadable = await CallLog(bus).read(TENANT, call)
    found: Mapping[int, Stored] = {
        sequence: Unread(TENANT, call, sequence, why) for sequence, why in unreadable.items()
    }
    return [found.get(each.sequence, each) for each in history]
