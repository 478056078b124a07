"""Machines whose clocks differ: what tables and views make of a call then."""

import msgspec
import pytest
from stories import Story, question_answered

from contracts.recorded import CallEvent, Recorded
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.views.making import make_views

pytestmark = pytest.mark.stack
S, H = 1_000, 3_600_000


@pytest.fixture
async def told(pool: Pool) -> Pool:
    """A database with all tables and views."""
    for projection in PROJECTIONS:
        await Story().remembered(pool, projection)
    async with pool.acquire() as db, db.transaction():
        await make_views(db)
    return pool


@pytest.mark.parametrize("gateway_ms", [-3 * H, -5 * S, 5 * S, 3 * H])
async def test_a_gateway_whose_clock_is_wrong_shows_no_time_that_nobody_measured(
    told: Pool, gateway_ms: int
) -> None:
    """What one clock took stays: the caller's wait, the log's own stages, how long it lasted."""
    await remembered(told, apart(question_answered(), line=gateway_ms))
    shown = await told.fetchrow("SELECT * FROM v_turns WHERE turn = 1")
    assert (shown["stt_ms"], shown["gateway_ms"]) == (None, None)
    assert (shown["wait_ms"], shown["dialog_ms"], shown["passages_ms"]) == (568, 4, 8)
    stages = await told.fetch("SELECT stage, ms FROM v_latency WHERE turn = 1 ORDER BY place")
    assert [stage for stage, _ in stages] == ["dialog", "passages", "model", "tts", "wait"]
    assert await told.fetchval("SELECT duration_s FROM v_calls") == 9.0
    assert await told.fetchval("SELECT wait_ms FROM daily") == 568


@pytest.mark.parametrize("family", ["line", "transcript", "dialog", "passages", "synthesis"])
@pytest.mark.parametrize("ahead_ms", [-30 * H, -7 * S, 7 * S, 30 * H])
async def test_whosever_clock_is_wrong_every_row_is_there_and_no_time_is_below_nothing(
    told: Pool, family: str, ahead_ms: int
) -> None:
    right, wrong = question_answered(), apart(question_answered(), **{family: ahead_ms})
    await remembered(told, right)
    await remembered(told, wrong)
    for projection in PROJECTIONS:
        for table in projection.tables:
            counts = [
                await told.fetchval(f"SELECT count(*) FROM {table.name} WHERE call = $1", each.call)
                for each in (right, wrong)
            ]
            if table.name != "latency":  # stages by the model's own word, which is the dialog's
                assert counts[0] == counts[1], table.name
    for view, column in await told.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_name LIKE 'v\\_%' AND (column_name LIKE '%\\_ms' OR column_name = 'ms'"
        " OR column_name = 'duration_s') AND table_name <> 'v_timeline'"
    ):
        least = await told.fetchval(f"SELECT min({column}) FROM {view}")
        assert least is None or least >= 0, (view, column)


async def test_a_call_that_another_gateway_ended_lasted_no_time_below_nothing(told: Pool) -> None:
    story = question_answered()
    story.messages = [
        moved(each, -H, 0) if each.sequence > 15 and each.family == "line" else each
        for each in story.messages
    ]
    await remembered(told, story)
    shown = await told.fetchrow("SELECT state, end_reason, duration_s FROM v_calls")
    assert tuple(shown) == ("ended", "caller_hung_up", None)
    assert await told.fetchval("SELECT duration_ms FROM daily") == 0
    assert await told.fetchval("SELECT min(quantity) >= 0 FROM costs")


def apart(story: Story, **ahead_ms: int) -> Story:
    """The same call where these families' writers have another clock."""
    gateway_ms = ahead_ms.get("line", 0)
    story.messages = [
        moved(each, ahead_ms.get(each.family, 0), gateway_ms) for each in story.messages
    ]
    return story


def moved(recorded: Recorded, ms: int, gateway_ms: int) -> Recorded:
    events = tuple(later(event, ms, gateway_ms) for event in recorded.message.events)
    message = msgspec.structs.replace(recorded.message, events=events)
    return msgspec.structs.replace(recorded, message=message)


def later(event: CallEvent, ms: int, gateway_ms: int) -> CallEvent:
    """When speech ended is the gateway's word, whoever repeats it."""
    ahead_ms = {"at_ms": ms, "ended_ms": ms, "speech_ended_ms": gateway_ms}
    return msgspec.structs.replace(
        event,
        **{
            name: getattr(event, name) + ahead_ms[name]
            for name in event.__struct_fields__
            if name in ahead_ms
        },
    )


async def remembered(pool: Pool, story: Story) -> None:
    for projection in PROJECTIONS:
        await story.remembered(pool, projection)
