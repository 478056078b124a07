"""What the table daily says about a call's part in its hour."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stories import RANG_MS, TENANT, Story, at, question_answered, rang

from contracts import dialog, line, outcome, passages
from infra.postgres import Pool
from projections.daily import read
from projections.daily.project import DAILY

pytestmark = pytest.mark.stack
HOUR = datetime.fromtimestamp(RANG_MS / 1000, UTC).replace(minute=0, second=0, microsecond=0)


async def row_of(pool: Pool, story: Story) -> dict[str, Any]:
    await story.remembered(pool, DAILY)
    row = await pool.fetchrow(
        "SELECT * FROM daily WHERE tenant = $1 AND call = $2", TENANT, story.call
    )
    assert row is not None
    return dict(row)


def only(row: dict[str, Any]) -> dict[str, Any]:
    """What the call adds, without what it adds nothing to."""
    return {name: value for name, value in row.items() if value not in (0, "")}


async def test_a_call_adds_what_happened_in_it_to_the_hour_it_rang_in(pool: Pool) -> None:
    story = question_answered()
    assert only(await row_of(pool, story)) == {
        "tenant": TENANT,
        "call": story.call,
        "hour": HOUR,
        "agent": "receptionist",
        "revision": 3,
        "language": "en-US",
        "direction": "inbound",
        "calls": 1,
        "answered": 1,
        "ended": 1,
        "duration_ms": 9_000,
        "turns": 1,
        "replies": 2,
        "interruptions": 1,
        "wait_ms": 568,
        "waits": 1,
        "questions": 1,
        "end_caller_hung_up": 1,
    }


async def test_the_wait_counts_once_for_a_turn_and_not_for_a_bridge(pool: Pool) -> None:
    misheard = dialog.TurnMisheard(
        at_ms=at(20), turn=1, utterance=1, failures=1, speech_ended_ms=at(10)
    )
    story = Story().stored(1, rang()).stored(20, misheard)
    for reply, kind, began in ((1, "bridge", 100), (2, "fallback", 200), (3, "result", 900)):
        begun = dialog.ReplyBegun(
            at_ms=at(began),
            reply=reply,
            turn=1,
            kind=kind,  # type: ignore[arg-type]
        )
        story.stored(began, begun)
        story.stored(began + 10, line.PlaybackStarted(at_ms=at(began + 10), reply=reply))
    row = await row_of(pool, story)
    assert (row["wait_ms"], row["waits"], row["misheard"], row["fallbacks"]) == (200, 1, 1, 1)


async def test_what_went_wrong_is_counted(pool: Pool) -> None:
    story = Story().stored(1, rang())
    story.stored(
        2, line.SpeechStarted(at_ms=at(2), utterance=1, first_frame=1, over_reply=1)
    ).stored(3, line.SpeechStarted(at_ms=at(3), utterance=2, first_frame=9))
    story.stored(4, passages.PassagesFound(at_ms=at(4), turn=1, passages=(), took_ms=1.0))
    story.stored(5, dialog.ToolReturned(at_ms=at(5), invocation="i1", tool="book", ok=False))
    story.stored(6, line.LineLost(at_ms=at(6), reason="closed"))
    story.stored(7, line.LineLost(at_ms=at(7), reason="drain", planned=True))
    story.stored(8, dialog.TransferRequested(at_ms=at(8), to="", reason="misheard"))
    row = await row_of(pool, story)
    counted = ("barge_ins", "unanswered_questions", "tool_failures", "line_losses")
    assert [row[name] for name in counted] == [1, 1, 1, 1]
    assert (row["transfers"], row["transfers_misheard"]) == (1, 1)


async def test_the_lines_own_end_counts_whichever_end_is_recorded_first(pool: Pool) -> None:
    by_dialog = dialog.CallEnded(at_ms=at(500), reason="bus_lost", phase="start", turns=0)
    by_line = line.LineEnded(at_ms=at(400), reason="caller_hung_up")
    for ends in ((by_dialog, by_line), (by_line, by_dialog)):
        answered = Story().stored(1, rang()).stored(2, line.LineAnswered(at_ms=at(2), stream="MZ"))
        row = await row_of(pool, answered.stored(3, ends[0]).stored(4, ends[1]))
        assert (row["end_caller_hung_up"], row["end_bus_lost"], row["ended"]) == (1, 0, 1)
        assert row["duration_ms"] == 398


async def test_an_end_for_a_reason_of_later_days_is_another_one(pool: Pool) -> None:
    ended = dialog.CallEnded(at_ms=at(500), reason="struck by lightning", phase="start", turns=0)
    row = await row_of(pool, Story().stored(1, rang()).stored(3, ended))
    assert (row["end_other"], row["duration_ms"]) == (1, 0)


async def test_the_last_judgement_counts(pool: Pool) -> None:
    story = question_answered()
    for at_ms, judged in ((20_000, "failure"), (30_000, "success")):
        story.stored(at_ms, outcome.OutcomeRecorded(at_ms=at(at_ms), outcome=judged))
    row = await row_of(pool, story)
    assert (row["succeeded"], row["failed"]) == (1, 0)


async def test_hours_are_summed_over_calls(pool: Pool) -> None:
    for _ in range(2):
        await question_answered().remembered(pool, DAILY)
    await Story().stored(1, rang(at(3_600_000))).remembered(pool, DAILY)
    first, second = await read.hours(pool, TENANT, HOUR, HOUR + timedelta(hours=2))
    assert (first.hour, first.agent, first.calls, first.turns) == (HOUR, "receptionist", 2, 2)
    assert (first.wait_ms, first.waits, first.duration_ms) == (1_136, 2, 18_000)
    assert (second.hour, second.calls, second.answered) == (HOUR + timedelta(hours=1), 1, 0)
    assert await read.hours(pool, TENANT, HOUR - timedelta(hours=1), HOUR) == ()
