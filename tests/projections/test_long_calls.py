"""A call of hours has thousands of rows; in memory are those of the newest turns."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from logs import append, running
from long_calls import go_on, opened, pressed
from stories import TENANT, Story, at, synthesized

from contracts import dialog
from contracts.ids import new_call_id
from infra.call_log import CallLog
from infra.nats import Bus
from infra.postgres import Pool
from loadtest.generating.generate import histories
from loadtest.generating.history import recorded
from projections import PROJECTIONS, folding
from projections.call_fold import Readers, folded
from projections.comparing import compare, remembered
from projections.following import FollowedCalls
from projections.generations import Generation
from projections.reading import Place, Stored
from projections.run import caught_up

pytestmark = pytest.mark.stack
GENERATIONS = [Generation(each, 1) for each in PROJECTIONS]
Rows = dict[tuple[Any, ...], tuple[Any, ...]]


class Followed:
    """One call as a runner has it, and its rows as they were stored."""

    def __init__(self, pool: Pool, messages: Sequence[Stored]) -> None:
        self.pool, self.messages = pool, messages
        self.read = 0  # how often the whole call was asked for
        self.stored: dict[str, Rows] = {}
        self.calls = FollowedCalls(GENERATIONS, self.history)

    async def history(self, place: Place) -> Sequence[Stored]:
        self.read += 1
        return self.messages

    async def take(self, batch: Sequence[Stored]) -> None:
        async with self.pool.acquire() as db:
            taken = await self.calls.take(db, batch)
        assert not taken.refused
        for fold in taken.folds:
            for projection in PROJECTIONS:
                rows = fold.rows_of(projection)
                assert rows is not None
                self.stored.setdefault(projection.name, {}).update(in_tables(projection, rows))
        self.calls.settle(taken)


def in_tables(projection: Any, rows: folding.Rows) -> Rows:
    keys = {table.row: table.key for table in projection.tables}
    values = [(type(row), msgspec.structs.astuple(row)) for row in rows.news if type(row) in keys]
    return {(row_type, *row[2 : keys[row_type]]): row for row_type, row in values}


def whole(messages: Sequence[Stored]) -> dict[str, Rows]:
    """What a fold of the call at once makes of it."""
    place = Place(messages[0].tenant, messages[0].call)
    fold, _ = folded(place, Readers(PROJECTIONS), messages)
    return {
        each.name: in_tables(each, rows)
        for each in PROJECTIONS
        if (rows := fold.rows_of(each)) is not None
    }


async def follow(pool: Pool, story: Story) -> Followed:
    """Each message for itself."""
    followed = Followed(pool, story.messages)
    for message in story.messages:
        await followed.take([message])
    return followed


async def test_after_three_hundred_turns_no_more_rows_are_in_memory_than_after_thirty(
    pool: Pool,
) -> None:
    story = go_on(opened(), 1, 30)
    followed = await follow(pool, story)
    early, told = followed.calls.rows_held, len(story.messages)
    for message in go_on(story, 31, 300).messages[told:]:
        await followed.take([message])
    assert followed.calls.rows_held < early * 1.2
    assert followed.read == 0
    assert followed.stored == whole(story.messages)


async def test_a_turn_by_a_key_is_no_reason_to_read_the_call(pool: Pool) -> None:
    story = pressed(go_on(opened(), 1, 60), 61)
    followed = await follow(pool, story)
    assert followed.read == 0
    assert followed.stored == whole(story.messages)


async def test_a_late_word_about_a_turn_that_was_let_go_is_put_in_its_row(pool: Pool) -> None:
    story = go_on(opened(), 1, 100)
    followed = await follow(pool, story)
    story.stored(999_000, synthesized(6, 1, 77.0))
    story.stored(999_001, dialog.ReplyHeard(at_ms=at(999_000), reply=7))
    go_on(story, 101, 101)
    await followed.take(story.messages[-12:])  # in one batch with others, before and behind it
    assert followed.read == 1
    assert followed.stored == whole(story.messages)


async def test_what_concerns_all_turns_of_a_call_reaches_those_that_were_let_go(
    pool: Pool,
) -> None:
    story = go_on(opened(), 1, 100)
    followed = await follow(pool, story)
    story.stored(
        999_000, dialog.TransferRequested(at_ms=at(999_000), to="+15550111", reason="asked")
    )
    await followed.take(story.messages[-1:])
    assert followed.stored == whole(story.messages)


async def test_however_soon_rows_are_let_go_the_tables_hold_the_same(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "_TOUCHED", 1)
    read = 0
    for number, history in enumerate(histories(7, 30)):
        told = recorded(history, new_call_id(), range(1, len(history.messages) + 1))
        followed = Followed(pool, told)
        for start in range(0, len(told), size := 1 + number % 3):
            await followed.take(told[start : start + size])
        assert followed.stored == whole(told)
        read += followed.read
    assert read


async def test_a_runner_that_takes_over_amid_a_long_call_leaves_the_tables_as_the_log_has_them(
    bus: Bus, pool: Pool
) -> None:
    story = go_on(opened(), 1, 60)
    last = await append(bus, story)
    async with running(bus, pool):
        await caught_up(pool, last)
    told = len(story.messages)
    go_on(story, 61, 120).stored(999_000, synthesized(6, 1, 77.0))
    async with running(bus, pool):
        for start in range(told, len(story.messages), 100):
            last = await append(bus, _part(story, start, start + 100))
            await caught_up(pool, last)
    live = await remembered(pool, TENANT, [story.call])
    history, _ = await CallLog(bus).read(TENANT, story.call)
    stored = {story.call: list[Stored](history)}
    assert [each for one in live for each in compare(one, TENANT, stored)] == []
    assert await pool.fetchval("SELECT tts_ms FROM turns WHERE reply = 6") == 77.0


def _part(story: Story, start: int, end: int) -> Story:
    part = Story(story.call)
    part.messages = story.messages[start:end]
    return part
