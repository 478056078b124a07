"""Canaries: what proves the way from the log to the tables while nobody calls."""

import asyncio
from datetime import datetime

import pytest
from eventually import eventually_async
from logs import append, append_calls, running, tables
from stories import TENANT, question_answered

from contracts.streams import CALLS, CANARY
from infra.beside import beside
from infra.call_log import CallLog
from infra.nats import Bus
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.canary import canary_if_silent, send_canaries
from projections.parking import all_parked
from projections.rebuild import rebuild
from projections.run import caught_up
from projections.standing import stands, unheard_s

pytestmark = pytest.mark.stack


async def test_while_nobody_calls_canaries_come_to_the_tables(bus: Bus, pool: Pool) -> None:
    async with running(bus, pool), beside(send_canaries(bus, 0.02)):
        await eventually_async(lambda: are_at(pool, 1))
        before = await heard_at(pool)
        await eventually_async(lambda: is_later(pool, before))
        assert (await unheard_s(pool) or 0) < 3_600
    assert not any((await tables(pool)).values())
    assert await all_parked(pool) == ()
    assert await CallLog(bus).calls(TENANT) == []


async def test_where_calls_go_on_none_is_sent(bus: Bus) -> None:
    seen = await canary_if_silent(bus, -1)
    for _ in range(3):
        last = await append(bus, question_answered())
        seen = await canary_if_silent(bus, seen)
        assert seen == last
    assert await sent(bus) == 0
    assert await canary_if_silent(bus, seen) == seen + 1
    assert await sent(bus) == 1


async def test_of_several_who_look_at_the_same_time_one_sends_it(bus: Bus) -> None:
    last = await append(bus, question_answered())
    await asyncio.gather(*(canary_if_silent(bus, last) for _ in range(20)))
    assert await sent(bus) == 1


async def test_tables_that_stand_still_are_told_by_a_canary_that_does_not_arrive(
    bus: Bus, pool: Pool
) -> None:
    """At the log's end they would look as if they were up to date."""
    last = await append(bus, question_answered())
    async with running(bus, pool):
        await caught_up(pool, last)
    (before, *_) = await stands(bus, pool)
    assert before.behind == 0
    await canary_if_silent(bus, last)
    for after in await stands(bus, pool):
        assert after.behind == 1
        assert (after.canary_s or 0) > (before.canary_s or 0)


async def test_calls_among_canaries_are_followed_and_rebuilt_as_ever(bus: Bus, pool: Pool) -> None:
    for _ in range(3):
        _, last = await append_calls(bus, 2)
        last = await canary_if_silent(bus, last)
    async with running(bus, pool):
        await caught_up(pool, last)
        followed = await tables(pool)
        assert len(followed["calls"]) == 6
        await rebuild(bus, pool, PROJECTIONS)
        assert await tables(pool) == followed


async def test_positions_of_before_there_were_canaries_are_kept(bus: Bus, pool: Pool) -> None:
    last = await append(bus, question_answered())
    async with running(bus, pool):
        await caught_up(pool, last)
    await pool.execute("ALTER TABLE projection_positions DROP COLUMN stored_at")
    assert await unheard_s(pool) is None
    async with running(bus, pool):
        await caught_up(pool, await append(bus, question_answered()))
        assert await unheard_s(pool) is not None
        generations = "SELECT DISTINCT generation FROM projection_positions"
        assert await pool.fetchval(generations) == 1


async def are_at(pool: Pool, sequence: int) -> bool:
    try:
        await caught_up(pool, sequence, within_s=0)
    except TimeoutError:
        return False
    return True


async def heard_at(pool: Pool) -> datetime:
    found: datetime = await pool.fetchval("SELECT min(stored_at) FROM projection_positions")
    return found


async def is_later(pool: Pool, before: datetime) -> bool:
    return await heard_at(pool) > before


async def sent(bus: Bus) -> int:
    state = (await bus.js.stream_info(CALLS.name, subjects_filter=CANARY)).state
    return (state.subjects or {}).get(CANARY, 0)
