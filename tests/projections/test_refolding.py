"""A call's rows made anew from the log."""

import pytest
from eventually import eventually_async
from logs import append, append_bytes, running, tables
from stories import TENANT, Story, at, question_answered, rang

from contracts.codec import Codec
from contracts.line import LineAnswered
from contracts.outcome import CallErased
from infra.nats import Bus
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.calls import read as calls
from projections.history import history_of
from projections.parking import all_parked
from projections.reading import Place
from projections.refolding import refold
from projections.run import caught_up

pytestmark = pytest.mark.stack
ANSWERED = LineAnswered(at_ms=at(20), stream="MZ1")


async def made_anew(bus: Bus, pool: Pool, story: Story) -> int:
    """How many projections still can't follow the call."""
    history = history_of(bus, Codec())
    return len(await refold(pool, PROJECTIONS, history, Place(TENANT, story.call)))


async def test_a_call_made_anew_is_as_it_was(bus: Bus, pool: Pool) -> None:
    story, other = question_answered(), question_answered()
    await append(bus, other)
    async with running(bus, pool):
        await caught_up(pool, await append(bus, story))
        before = await tables(pool)
        assert await made_anew(bus, pool, story) == 0
        assert await tables(pool) == before


async def test_a_decision_of_another_release_parks_no_call_that_is_made_anew(
    bus: Bus, pool: Pool
) -> None:
    story = question_answered()
    await append(bus, story)
    later = b'{"by":"d","events":[],"decision":{"n":1,"basis":1,"more":[{"type":"model.sang/1"}]}}'
    async with running(bus, pool):
        await caught_up(pool, await append_bytes(bus, story, later))
        before = await tables(pool)
        assert await made_anew(bus, pool, story) == 0
        assert await tables(pool) == before


async def test_rows_nobody_should_have_touched_are_mended(bus: Bus, pool: Pool) -> None:
    story = question_answered()
    async with running(bus, pool):
        await caught_up(pool, await append(bus, story))
        before = await tables(pool)
        await pool.execute("UPDATE calls_1.calls SET turns = 99")
        await pool.execute("DELETE FROM turns_1.turns")
        await made_anew(bus, pool, story)
        assert await tables(pool) == before


async def test_a_call_whose_message_can_be_taken_now_is_followed_again(
    bus: Bus, pool: Pool
) -> None:
    """As after an upgrade to a program that knows the event; here the message is taken out."""
    story = Story().stored(1, rang())
    await append(bus, story)
    bad = await append_bytes(bus, story, b"{}")
    async with running(bus, pool):
        await caught_up(pool, bad)
        assert {each.call for each in await all_parked(pool)} == {story.call}
        assert await made_anew(bus, pool, story) == len(PROJECTIONS)
        await bus.js.delete_msg("CALLS", bad)
        assert await made_anew(bus, pool, story) == 0
        assert await all_parked(pool) == ()
        answered = Story(story.call, first_sequence=2).stored(2, ANSWERED)
        await caught_up(pool, await append(bus, answered))
        await eventually_async(lambda: is_live(pool, story))


async def test_an_erased_call_is_made_anew_by_who_follows_the_log(bus: Bus, pool: Pool) -> None:
    """The rows say then what the log says; here a row was changed, to see it made anew."""
    story = question_answered()
    async with running(bus, pool):
        await caught_up(pool, await append(bus, story))
        await pool.execute("UPDATE turns_1.turns SET said = 'something else'")
        erased = Story(story.call, first_sequence=99).stored(9_999, CallErased(at_ms=1, by="me"))
        await caught_up(pool, await append(bus, erased))
        said = [row["said"] for row in (await tables(pool))["turns"] if row["turn"] == 1]
        assert said == ["what is a check-up"]


async def test_an_erased_call_keeps_no_rows_of_before_where_it_was_parked(
    bus: Bus, pool: Pool
) -> None:
    """Here a row was changed after the call was parked, to see that it is made anew."""
    story = question_answered()
    await append(bus, story)
    async with running(bus, pool):
        await caught_up(pool, await append_bytes(bus, story, b"{}"))
        assert {each.call for each in await all_parked(pool)} == {story.call}
        await pool.execute("UPDATE turns_1.turns SET said = 'something else'")
        erased = Story(story.call, first_sequence=99).stored(9_999, CallErased(at_ms=1, by="me"))
        await caught_up(pool, await append(bus, erased))
        said = [row["said"] for row in (await tables(pool))["turns"] if row["turn"] == 1]
    assert said == ["what is a check-up"]
    assert {each.call for each in await all_parked(pool)} == {story.call}


async def is_live(pool: Pool, story: Story) -> bool:
    call = await calls.show(pool, TENANT, story.call)
    return call is not None and call.state == "live"
