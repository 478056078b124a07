"""What holds while projections follow a real log into a real database."""

import logging

import msgspec
import pytest
from eventually import eventually_async
from logs import append, append_bytes, append_calls, running, running_in_a_process, tables
from stories import TENANT, Story, at, question_answered, rang

from contracts.dialog import ToolCalled
from contracts.line import LineAnswered
from contracts.recorded import Recorded
from infra.nats import Bus, create_streams
from infra.nats_server import NatsServer
from infra.postgres import Pool, connect_pool
from infra.postgres_server import PostgresServer
from projections import PROJECTIONS
from projections.calls import read as calls
from projections.calls.project import CALLS
from projections.parking import all_parked
from projections.rebuild import rebuild
from projections.run import caught_up
from projections.timeline import read as timeline
from projections.timeline.project import TIMELINE
from projections.tool_runs import read as tool_runs

pytestmark = pytest.mark.stack
ANSWERED = LineAnswered(at_ms=at(20), stream="MZ1")


async def test_tables_are_made_from_the_whole_log_and_follow_it(bus: Bus, pool: Pool) -> None:
    stories, last = await append_calls(bus, 5)
    async with running(bus, pool):
        await caught_up(pool, last)
        assert len(await calls.list(pool, TENANT)) == 5
        later = question_answered()
        await caught_up(pool, await append(bus, later))
        assert await calls.show(pool, TENANT, later.call) is not None
    assert {c.state for c in await calls.list(pool, TENANT)} == {"ended"}
    assert len(stories) == 5


async def test_the_events_of_a_call_come_in_the_order_of_the_log(bus: Bus, pool: Pool) -> None:
    stories, last = await append_calls(bus, 10)
    async with running(bus, pool, [TIMELINE]):
        await caught_up(pool, last, [TIMELINE])
    for story in stories:
        types = [m.type for m in await timeline.of_call(pool, TENANT, story.call)]
        assert types == [
            event.__struct_config__.tag for told in story.messages for _, event in told.events()
        ]


async def test_stopped_and_started_again_they_go_on_where_they_were(bus: Bus, pool: Pool) -> None:
    for calls_so_far in (3, 6):
        _, last = await append_calls(bus, 3)
        async with running(bus, pool):
            await caught_up(pool, last)
        assert len(await calls.list(pool, TENANT)) == calls_so_far
    assert {c.replies for c in await calls.list(pool, TENANT)} == {2}


async def test_two_runners_side_by_side_count_nothing_twice(
    bus: Bus, pool: Pool, tables_dsn: str
) -> None:
    other = await connect_pool(tables_dsn)
    stories, last = await append_calls(bus, 20)
    async with running(bus, pool), running(bus, other):
        await caught_up(pool, last)
        more, last = await append_calls(bus, 20)
        await caught_up(pool, last)
    await other.close()
    await holds_exactly(pool, [*stories, *more])


async def test_killed_in_the_middle_of_a_backlog_and_restarted_no_row_is_lost_or_doubled(
    bus: Bus, pool: Pool, log_server: NatsServer, tables_dsn: str
) -> None:
    stories, last = await append_calls(bus, 300)
    for killed_after in (100, 1_000):  # of more than 5,000
        async with running_in_a_process(log_server.url, tables_dsn) as process:
            await eventually_async(lambda at=killed_after: any_position(pool, at), 30)
            process.kill()
    positions = [r["position"] for r in await pool.fetch("SELECT * FROM projection_positions")]
    assert min(positions) < last, "it was killed too late to prove anything"
    async with running(bus, pool):
        await caught_up(pool, last, within_s=30)
    await holds_exactly(pool, stories)


async def test_bytes_that_no_contract_covers_park_their_call_and_no_other(
    bus: Bus, pool: Pool
) -> None:
    good, bad = question_answered(), Story().stored(1, rang())
    await append(bus, bad)
    sequence = await append_bytes(bus, bad, b'{"by":"x","events":[{"type":"+15550100"}]}')
    await append(bus, Story(bad.call, first_sequence=2).stored(2, ANSWERED))
    last = await append(bus, good)
    async with running(bus, pool):
        await caught_up(pool, last)
    parked = await all_parked(pool)
    assert {each.projection for each in parked} == {p.name for p in PROJECTIONS}
    for each in parked:
        assert (each.call, each.sequence, each.skipped) == (bad.call, sequence, 1)
        assert "+15550100" not in each.error
    assert {c.call: c.state for c in await calls.list(pool, TENANT)} == {
        good.call: "ended",
        bad.call: "ringing",
    }


@pytest.mark.parametrize(
    "refused",
    [
        msgspec.structs.replace(rang(), at_ms=10**17),
        ToolCalled(at_ms=1, invocation="i", turn=10**12, tool="book", arguments={}),
    ],
    ids=["a time out of range", "a number too large"],
)
async def test_a_row_the_database_refuses_parks_its_call_and_no_other(
    bus: Bus, pool: Pool, refused: object
) -> None:
    before, bad, after = question_answered(), Story(), question_answered()
    await append(bus, before)
    await append(bus, bad.stored(1, refused).stored(2, ANSWERED))
    last = await append(bus, after)
    async with running(bus, pool):
        await caught_up(pool, last)
    parked = await all_parked(pool)
    assert {each.call for each in parked} == {bad.call}
    assert {each.skipped for each in parked} == {1}
    await holds_exactly_these(pool, [before, after])


async def test_a_nul_that_the_database_takes_in_no_text_costs_no_call(bus: Bus, pool: Pool) -> None:
    story = Story().stored(1, msgspec.structs.replace(rang(), caller="+1\0"))
    said = {"day": "\0", "\0": ["a\0b"]}
    story.stored(2, ToolCalled(at_ms=1, invocation="i", turn=1, tool="book", arguments=said))
    async with running(bus, pool):
        await caught_up(pool, await append(bus, story))
    assert await all_parked(pool) == ()
    call = await calls.show(pool, TENANT, story.call)
    (run,) = await tool_runs.of_call(pool, TENANT, story.call)
    assert call is not None
    assert call.caller == "+1\N{REPLACEMENT CHARACTER}"
    assert run.arguments == {
        "day": "\N{REPLACEMENT CHARACTER}",
        "\N{REPLACEMENT CHARACTER}": ["a\N{REPLACEMENT CHARACTER}b"],
    }


async def test_a_transcript_of_a_megabyte_comes_to_every_table(bus: Bus, pool: Pool) -> None:
    story = question_answered()
    short, long = "what is a check-up", " ".join(f"w{number:x}" for number in range(180_000))
    story.messages = [told(recorded, short, long) for recorded in story.messages]
    async with running(bus, pool):
        await caught_up(pool, await append(bus, story))
    assert await all_parked(pool) == ()
    assert len(long) > 1_000_000
    for row in ("said FROM turns WHERE turn = 1", "text FROM transcripts WHERE speaker = 'caller'"):
        assert await pool.fetchval(f"SELECT {row}") == long


async def test_an_event_of_a_later_version_parks_its_call_until_it_is_known(
    bus: Bus, pool: Pool
) -> None:
    """As where another process was brought up to date first."""
    known, unknown = question_answered(), question_answered()
    await append(bus, unknown)
    later = b'{"by":"x","events":[{"type":"line.ended/9","at_ms":1}]}'
    sequence = await append_bytes(bus, unknown, later)
    async with running(bus, pool):
        await caught_up(pool, await append(bus, known))
    assert {(p.call, p.sequence) for p in await all_parked(pool)} == {(unknown.call, sequence)}
    assert {c.call: c.state for c in await calls.list(pool, TENANT)} == {
        known.call: "ended",
        unknown.call: "ended",
    }


async def test_a_projection_of_another_version_is_made_anew_and_the_old_runner_gives_up(
    bus: Bus, pool: Pool
) -> None:
    _, last = await append_calls(bus, 3)
    newer = msgspec.structs.replace(CALLS, version=CALLS.version + 1)
    async with running(bus, pool, [CALLS]):
        await caught_up(pool, last, [CALLS])
        async with running(bus, pool, [newer]):
            last = await append(bus, question_answered())
            await eventually_async(lambda: is_live(pool, newer.version))
            await caught_up(pool, last, [newer])
    assert [c.replies for c in await calls.list(pool, TENANT)] == [2] * 4


async def test_where_rebuilding_is_off_tables_of_before_stand_still_until_somebody_does(
    bus: Bus, pool: Pool
) -> None:
    newer = msgspec.structs.replace(CALLS, version=CALLS.version + 1)
    _, last = await append_calls(bus, 2)
    async with running(bus, pool, [CALLS, TIMELINE]):
        await caught_up(pool, last, [CALLS, TIMELINE])
    async with running(bus, pool, [newer, TIMELINE], rebuild_older=False):
        last = await append(bus, question_answered())
        await caught_up(pool, last, [TIMELINE])
        assert len(await calls.list(pool, TENANT)) == 2
        await rebuild(bus, pool, [newer])
        last = await append(bus, question_answered())
        await caught_up(pool, last, [newer])
    assert len(await calls.list(pool, TENANT)) == 4


async def test_messages_that_expired_before_they_were_read_are_passed_over(
    bus: Bus, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    (expired,), last = await append_calls(bus, 1)
    await bus.js.purge_stream("CALLS", seq=last + 1)
    kept = question_answered()
    async with running(bus, pool, [CALLS]):
        await caught_up(pool, await append(bus, kept), [CALLS])
    assert [c.call for c in await calls.list(pool, TENANT)] == [kept.call]
    assert f"messages 1 to {last} had expired" in caplog.text
    assert expired.call not in caplog.text


async def test_tables_of_another_log_are_left_alone_and_said_to_be(
    bus: Bus, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    _, last = await append_calls(bus, 1)
    async with running(bus, pool, [CALLS]):
        await caught_up(pool, last, [CALLS])
    await bus.js.delete_stream("CALLS")
    await create_streams(bus)
    async with running(bus, pool, [CALLS]):
        await eventually_async(lambda: said(caplog, "it ends at 0"))
    assert len(await calls.list(pool, TENANT)) == 1


async def test_a_reader_the_server_forgot_is_replaced_and_none_is_left_behind(
    bus: Bus, pool: Pool
) -> None:
    async with running(bus, pool):
        await caught_up(pool, await append(bus, question_answered()))
        forgotten = await bus.js.consumers_info("CALLS")
        for reader in forgotten:
            await bus.js.delete_consumer("CALLS", reader.name)
        await caught_up(pool, await append(bus, question_answered()))
        assert len(forgotten) == 1, "they read together"
    assert await bus.js.consumers_info("CALLS") == []
    assert {c.replies for c in await calls.list(pool, TENANT)} == {2}


async def test_while_the_log_is_away_they_wait_and_then_go_on(
    bus: Bus, pool: Pool, log_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    _, last = await append_calls(bus, 2)
    async with running(bus, pool):
        await caught_up(pool, last)
        await log_server.stop()
        await log_server.start()
        await eventually_async(lambda: connected(bus))
        await caught_up(pool, await append(bus, question_answered()))
    assert len(await calls.list(pool, TENANT)) == 3
    waits = [r for r in caplog.messages if "waits for the log" in r]
    assert len(waits) <= 2, "said once or twice, not at every try"


async def test_while_the_database_is_away_they_wait_and_then_catch_up(
    bus: Bus, database_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pool = await connect_pool(database_server.dsn)
    stories, last = await append_calls(bus, 2)
    async with running(bus, pool):
        await caught_up(pool, last)
        await database_server.stop()
        more, last = await append_calls(bus, 3)
        await eventually_async(lambda: said(caplog, "waits for PostgreSQL"))
        await database_server.start()
        await caught_up(pool, last)
        await holds_exactly(pool, [*stories, *more])
    await pool.close()
    told = [m for m in caplog.messages if m.startswith(f"{PROJECTIONS[0].name}, ")]
    assert len(told) == 2, "once when it went away, once when it was back"


async def test_projections_may_start_before_the_database(
    bus: Bus, database_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    pool = await connect_pool(database_server.dsn)
    await database_server.stop()
    _, last = await append_calls(bus, 1)
    async with running(bus, pool):
        await eventually_async(lambda: said(caplog, "waits for PostgreSQL"))
        await database_server.start()
        await caught_up(pool, last)
    await pool.close()


async def test_every_column_says_what_it_means(bus: Bus, pool: Pool) -> None:
    async with running(bus, pool):
        await caught_up(pool, 0)
    silent = await pool.fetch(
        "SELECT c.relname, a.attname FROM pg_class AS c"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast',"
        " 'information_schema') AND c.relkind IN ('r', 'v') AND a.attnum > 0"
        " AND col_description(c.oid, a.attnum) IS NULL"
    )
    assert [tuple(row) for row in silent] == []


async def holds_exactly(pool: Pool, stories: list[Story]) -> None:
    """As if each message had been taken in once, one after the other."""
    assert await all_parked(pool) == ()
    await holds_exactly_these(pool, stories)


async def holds_exactly_these(pool: Pool, stories: list[Story]) -> None:
    for story in stories:
        call = await calls.show(pool, TENANT, story.call)
        assert call is not None
        assert (call.state, call.turns, call.replies, call.interruptions) == ("ended", 1, 2, 1)
    held = await tables(pool)
    known = {story.call for story in stories}
    written = [row["written"] for row in held["turns"] if row["call"] in known]
    answers = {"Hello. How can I help?", "A check-up is 40 pounds."}
    assert len(written) == 2 * len(stories)
    assert set(written) == answers
    events = sum(len(m.message.events) for story in stories for m in story.messages)
    assert len([row for row in held["timeline"] if row["call"] in known]) == events


async def any_position(pool: Pool, sequence: int) -> bool:
    """Whether some projection has come that far."""
    if await pool.fetchval("SELECT to_regclass('projection_positions')") is None:
        return False
    return (await pool.fetchval("SELECT max(position) FROM projection_positions") or 0) >= sequence


async def is_live(pool: Pool, version: int) -> bool:
    live = "SELECT version FROM projection_positions WHERE name = 'calls' AND state = 'live'"
    return bool(await pool.fetchval(live) == version)


async def connected(bus: Bus) -> bool:
    return bus.connected


async def said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


def told(recorded: Recorded, short: str, long: str) -> Recorded:
    """The message with another text in the caller's place."""
    events = []
    for event in recorded.message.events:
        fields = {name: long for name in event.__struct_fields__ if getattr(event, name) == short}
        events.append(msgspec.structs.replace(event, **fields))
    message = msgspec.structs.replace(recorded.message, events=tuple(events))
    return msgspec.structs.replace(recorded, message=message)
