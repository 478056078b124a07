"""What the table line_quality says about a call's line."""

import pytest
from msgspec.structs import replace
from stories import TENANT, Story, at, question_answered, rang

from contracts import line
from infra.postgres import Pool
from projections.line_quality import read
from projections.line_quality.project import LINE_QUALITY

pytestmark = pytest.mark.stack
ANSWERED = line.LineAnswered(at_ms=at(20), stream="MZ1")
LOST = line.LineLost(at_ms=at(1_020), reason="socket closed", reply=2, sentence=1)
ENDED = line.LineEnded(
    at_ms=at(9_020), reason="caller_hung_up", frames=450, late_frames=2, dropped_messages=1
)


def resumed(at_ms: int, stint: int = 2, *, unbroken: bool = False) -> line.LineResumed:
    return line.LineResumed(at_ms=at(at_ms), stream="MZ2", stint=stint, unbroken=unbroken)


def by(story: Story, gateway: str, *events: line.LineRang) -> Story:
    """The story with these events, recorded by that gateway."""
    story.stored(events[0].at_ms - at(0), *events)
    last = story.messages[-1]
    story.messages[-1] = replace(last, message=replace(last.message, by=gateway))
    return story


def answered() -> Story:
    return by(by(Story(), "g1", rang()), "g1", ANSWERED)


async def rows_of(pool: Pool, story: Story) -> tuple[read.Stint, ...]:
    await story.remembered(pool, LINE_QUALITY)
    return await read.of_call(pool, TENANT, story.call)


async def test_a_line_that_never_broke_has_one_stint_with_its_frames(pool: Pool) -> None:
    (stint,) = await rows_of(pool, by(answered(), "g1", ENDED))
    assert (stint.stint, stint.gateway, stint.duration_ms) == (1, "g1", 9_000)
    assert (stint.frames, stint.late_frames, stint.dropped_messages) == (450, 2, 1)
    assert (stint.lost, stint.reason, stint.away_ms) == (False, "caller_hung_up", None)


async def test_a_call_under_way_has_an_open_stint(pool: Pool) -> None:
    (stint,) = await rows_of(pool, answered())
    assert (stint.ended_at, stint.duration_ms, stint.reason, stint.frames) == (None,) * 4


async def test_a_caller_who_came_back_was_away_from_the_loss_to_the_next_stint(pool: Pool) -> None:
    story = by(by(answered(), "g1", LOST), "g2", resumed(2_220))
    first, second = await rows_of(pool, by(story, "g2", ENDED))
    assert (first.lost, first.reason, first.reply) == (True, "socket closed", 2)
    assert (first.duration_ms, first.away_ms, first.frames) == (1_000, 1_200, None)
    assert (second.stint, second.gateway, second.lost, second.frames) == (2, "g2", False, 450)


async def test_a_loss_that_the_next_gateway_had_to_record_is_the_first_ones(pool: Pool) -> None:
    found = replace(LOST, reason="its gateway is gone", at_ms=at(3_000))
    story = by(answered(), "g2", found, resumed(3_000))
    first, second = await rows_of(pool, story)
    assert (first.gateway, first.lost, first.reason) == ("g1", True, "its gateway is gone")
    assert (first.away_ms, second.gateway) == (0, "g2")


async def test_a_line_only_thought_dead_was_never_away(pool: Pool) -> None:
    story = by(by(answered(), "g2", LOST), "g1", resumed(2_220, unbroken=True))
    first, second = await rows_of(pool, by(story, "g1", ENDED))
    assert (first.lost, first.unbroken, first.away_ms) == (True, True, None)
    assert first.back_at == second.began_at
    assert (second.unbroken, second.frames) == (False, 450)


async def test_a_line_given_to_another_gateway_on_purpose_is_told_apart(pool: Pool) -> None:
    planned = replace(LOST, planned=True, reason="handed over")
    (stint,) = await rows_of(pool, by(answered(), "g1", planned))
    assert (stint.lost, stint.planned) == (True, True)


async def test_a_caller_who_never_came_back_was_lost(pool: Pool) -> None:
    lost = by(answered(), "g1", LOST)
    (stint,) = await rows_of(pool, by(lost, "g2", line.LineEnded(at_ms=at(9), reason="line_lost")))
    assert (stint.lost, stint.reason, stint.duration_ms) == (True, "socket closed", 1_000)
    assert (stint.back_at, stint.away_ms, stint.frames) == (None, None, None)


async def test_an_end_that_another_gateway_records_tells_nothing_of_frames(pool: Pool) -> None:
    ended = line.LineEnded(at_ms=at(9_020), reason="media_lost")
    (stint,) = await rows_of(pool, by(answered(), "g2", ended))
    assert (stint.reason, stint.frames, stint.late_frames) == ("media_lost", None, None)


async def test_a_gateway_that_lost_the_line_may_still_say_how_many_frames_there_were(
    pool: Pool,
) -> None:
    (stint,) = await rows_of(pool, by(by(answered(), "g2", LOST), "g1", ENDED))
    assert (stint.lost, stint.reason, stint.frames) == (True, "socket closed", 450)


async def test_an_end_of_waiting_for_a_caller_tells_nothing_of_frames(pool: Pool) -> None:
    ended = line.LineEnded(at_ms=at(9_020), reason="line_lost")
    (stint,) = await rows_of(pool, by(by(answered(), "g1", LOST), "g1", ended))
    assert (stint.reason, stint.frames) == ("socket closed", None)


async def test_a_line_on_which_nothing_ever_came_had_no_frames(pool: Pool) -> None:
    ended = line.LineEnded(at_ms=at(9_020), reason="media_lost")
    (stint,) = await rows_of(pool, by(answered(), "g1", ended))
    assert (stint.reason, stint.frames) == ("media_lost", 0)


async def test_a_call_never_answered_has_no_stint(pool: Pool) -> None:
    unanswered = line.LineEnded(at_ms=at(9_020), reason="unanswered")
    assert await rows_of(pool, by(by(Story(), "g1", rang()), "g1", unanswered)) == ()


async def test_a_line_whose_answer_has_expired_is_known_by_the_stint_of_its_messages(
    pool: Pool,
) -> None:
    story = by(Story(), "g2", ENDED)
    last = story.messages[-1]
    story.messages[-1] = replace(last, message=replace(last.message, epoch=3))
    (stint,) = await rows_of(pool, story)
    assert (stint.stint, stint.gateway, stint.began_at, stint.reason) == (
        3,
        "",
        None,
        "caller_hung_up",
    )


async def test_each_call_has_its_own_line(pool: Pool) -> None:
    for _ in range(2):
        assert len(await rows_of(pool, question_answered())) == 1
