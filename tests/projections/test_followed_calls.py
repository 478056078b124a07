"""Which calls a runner has in memory, and which it reads anew from the log."""

from collections.abc import Sequence

import pytest
from stories import Story, question_answered, synthesized

from contracts.dialog import CallEnded
from infra.postgres import Pool
from projections.calls.project import CALLS
from projections.following import FollowedCalls
from projections.generations import Generation
from projections.reading import Place, Stored

pytestmark = pytest.mark.stack
_MANY = 101


class Log:
    """What was asked of it."""

    def __init__(self) -> None:
        self.asked: list[Place] = []

    async def history(self, place: Place) -> Sequence[Stored]:
        self.asked.append(place)
        return []


async def _take(pool: Pool, calls: FollowedCalls, batch: Sequence[Stored]) -> None:
    async with pool.acquire() as db:
        calls.settle(await calls.take(db, batch))


def _ended(story: Story) -> Story:
    assert any(isinstance(e, CallEnded) for m in story.messages for e in m.message.events)
    return story


async def test_what_comes_right_behind_a_calls_end_is_folded_without_reading_the_call_anew(
    pool: Pool,
) -> None:
    log, story = Log(), _ended(question_answered())
    calls = FollowedCalls([Generation(CALLS, 1)], log.history)
    await _take(pool, calls, story.messages)
    story.stored(99_000, synthesized(9, 1, 3.0))
    await _take(pool, calls, story.messages[-1:])
    assert log.asked == []


async def test_a_call_that_ended_a_hundred_calls_ago_is_forgotten(pool: Pool) -> None:
    log = Log()
    calls = FollowedCalls([Generation(CALLS, 1)], log.history)
    stories = [_ended(question_answered()) for _ in range(_MANY)]
    for story in stories:
        await _take(pool, calls, story.messages)
    for story in (stories[0], stories[-1]):
        story.stored(99_000, synthesized(9, 1, 3.0))
        await _take(pool, calls, story.messages[-1:])
    assert [place.call for place in log.asked] == [stories[0].call]
