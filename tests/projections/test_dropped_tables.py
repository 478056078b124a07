"""Tables that somebody dropped by hand, and those of a projection that is no more."""

import logging
import uuid
from typing import Any

import asyncpg
import pytest
from agents_followed import agents_followed
from eventually import eventually_async
from logs import append, append_calls, running, tables
from stories import TENANT, question_answered

from contracts.agent import Agent
from contracts.ids import TenantId
from infra.agents import Agents
from infra.nats import Bus
from infra.postgres import Pool
from projections.calls import read as calls
from projections.run import caught_up
from projections.standing import stands

pytestmark = pytest.mark.stack
DROPS = {
    "its table": "DROP TABLE turns_1.turns CASCADE",
    "its schema": "DROP SCHEMA turns_1 CASCADE",
    "its view": "DROP VIEW public.turns CASCADE",
    "all positions": "DROP TABLE projection_positions",
    "what is parked": "DROP TABLE parked",
}


@pytest.mark.parametrize("drop", DROPS.values(), ids=DROPS)
async def test_what_was_dropped_while_nobody_followed_is_made_anew_at_the_start(
    bus: Bus, pool: Pool, drop: str
) -> None:
    _, last = await append_calls(bus, 2)
    async with running(bus, pool):
        await caught_up(pool, last)
        before = await tables(pool)
    await pool.execute(drop)
    async with running(bus, pool):
        await eventually_async(lambda: holds(pool, before))


async def test_what_is_dropped_meanwhile_is_made_anew_and_the_rest_goes_on(
    bus: Bus, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    _, last = await append_calls(bus, 2)
    async with running(bus, pool):
        await caught_up(pool, last)
        await pool.execute("DROP SCHEMA turns_1 CASCADE")
        await caught_up(pool, await append(bus, question_answered()))
        await eventually_async(lambda: holds_turns_of(pool, 3))
        assert len(await calls.list(pool, TENANT)) == 3
        assert await generation_of(pool, "calls") == 1
    assert "turns: its tables are gone, and are made anew from the log" in caplog.messages


async def test_agents_that_were_dropped_are_made_anew(bus: Bus, pool: Pool) -> None:
    tenant = TenantId(f"t{uuid.uuid4().hex}")
    await Agents(bus).publish(tenant, Agent(name="receptionist"))
    async with running(bus, pool):
        await agents_followed(bus, pool)
        await pool.execute("DROP TABLE agents CASCADE")
        await Agents(bus).publish(tenant, Agent(name="receptionist", title="The second"))
        await eventually_async(lambda: holds_revisions(pool, tenant, 2))


async def test_tables_of_a_projection_that_is_no_more_stand_still_and_are_named(
    bus: Bus, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """As after an upgrade to a version without it: whoever goes back finds them."""
    last = await append(bus, question_answered())
    async with running(bus, pool):
        await caught_up(pool, last)
    await pool.execute("UPDATE projection_positions SET name = 'moods' WHERE name = 'turns'")
    await pool.execute("ALTER SCHEMA turns_1 RENAME TO moods_1")
    caplog.set_level(logging.WARNING)
    async with running(bus, pool):
        await caught_up(pool, await append(bus, question_answered()))
        await eventually_async(lambda: holds_turns_of(pool, 2))
    told = "moods: this version has no such projection: its tables stand still"
    assert caplog.messages.count(told) == 1
    (left,) = [each for each in await stands(bus, pool) if each.name == "moods"]
    assert (left.state, left.position, left.behind) == ("left", last, 0)
    assert await pool.fetchval("SELECT count(DISTINCT call) FROM moods_1.turns") == 1


async def holds(pool: Pool, rows: dict[str, list[dict[str, Any]]]) -> bool:
    """For analysts, too."""
    try:
        turns = await pool.fetchval("SELECT count(*) FROM v_turns")
        return await tables(pool) == rows and turns == len(rows["turns"])
    except asyncpg.UndefinedTableError:
        return False


async def holds_turns_of(pool: Pool, calls: int) -> bool:
    there = await pool.fetchval("SELECT to_regclass('public.turns') IS NOT NULL")
    counted = "SELECT count(DISTINCT call) FROM public.turns"
    return bool(there) and await pool.fetchval(counted) == calls


async def holds_revisions(pool: Pool, tenant: TenantId, revisions: int) -> bool:
    there = await pool.fetchval("SELECT to_regclass('public.agents') IS NOT NULL")
    counted = "SELECT count(*) FROM agents WHERE tenant = $1"
    return bool(there) and await pool.fetchval(counted, tenant) == revisions


async def generation_of(pool: Pool, name: str) -> int:
    query = "SELECT generation FROM projection_positions WHERE name = $1 AND state = 'live'"
    found: int = await pool.fetchval(query, name)
    return found
