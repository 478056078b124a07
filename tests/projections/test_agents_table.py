"""What the table agents says about revisions, and how it keeps up with the stream AGENTS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from eventually import eventually_async

from contracts.agent import Agent, AgentPublished, Intent, Provider, Tool, Transfer
from contracts.codec import encode
from contracts.dialog import Voice
from contracts.ids import AgentId, TenantId
from contracts.streams import AGENTS, agent_subject
from infra.agents import Agents
from infra.beside import beside
from infra.nats import Bus, connect
from infra.nats_server import NatsServer
from infra.postgres import Pool
from projections.agents import read
from projections.agents.follow import follow_agents
from projections.agents.storing import (
    VERSION,
    LaterVersion,
    Overtaken,
    position_of,
    prepare,
    store,
)

pytestmark = pytest.mark.stack
TENANT = TenantId("practice")
NAME = AgentId("receptionist")
RECEPTIONIST = Agent(
    name=NAME,
    title="The practice's receptionist",
    prompt="Never tell this.",
    languages=("en-GB", "de-DE"),
    stt=Provider(provider="deepgram", model="nova"),
    llm=Provider(provider="groq", model="large"),
    voice=Voice(provider="elevenlabs", name="anna", model="turbo"),
    tools=(Tool(name="book", description="Books."), Tool(name="cancel", description="Cancels.")),
    intents=(Intent(name="price", kind="question"),),
    transfer=Transfer(to="+15550111"),
    knowledge="documents",
)


@asynccontextmanager
async def following(bus: Bus, pool: Pool) -> AsyncIterator[None]:
    async with beside(follow_agents(bus, pool)):
        yield


async def reached(pool: Pool, position: int) -> None:
    async def there() -> bool:
        try:
            return await position_of(pool) >= position
        except Exception:  # no table yet
            return False

    await eventually_async(there)


async def publish(bus: Bus, *agents: Agent) -> int:
    """Returns the stream's last sequence."""
    for agent in agents:
        await Agents(bus).publish(TENANT, agent)
    return (await bus.js.stream_info(AGENTS.name)).state.last_seq


def titled(title: str) -> Agent:
    return Agent(name=NAME, title=title)


async def test_a_revision_has_a_row_that_tells_it_without_its_prompt(bus: Bus, pool: Pool) -> None:
    last = await publish(bus, RECEPTIONIST)
    published = await Agents(bus).latest(TENANT, NAME)
    assert published is not None
    async with following(bus, pool):
        await reached(pool, last)
    (row,) = await read.revisions(pool, TENANT, NAME)
    assert len(row.sha256) == 64
    assert row == read.Revision(
        tenant=TENANT,
        agent=NAME,
        revision=1,
        published_at=datetime.fromtimestamp(published.at_ms / 1000, UTC),
        title="The practice's receptionist",
        languages=("en-GB", "de-DE"),
        stt_provider="deepgram",
        stt_model="nova",
        llm_provider="groq",
        llm_model="large",
        tts_provider="elevenlabs",
        tts_model="turbo",
        voice="anna",
        tools=("book", "cancel"),
        intents=1,
        knowledge=True,
        transfers=True,
        barge_in=True,
        sha256=row.sha256,
        sequence=1,
    )


async def test_revisions_published_before_and_meanwhile_are_stored(bus: Bus, pool: Pool) -> None:
    await publish(bus, titled("one"), titled("two"))
    async with following(bus, pool):
        await reached(pool, 2)
        await reached(pool, await publish(bus, titled("three")))
    assert [r.title for r in await read.revisions(pool, TENANT, NAME)] == ["one", "two", "three"]
    (newest,) = await read.latest(pool, TENANT)
    assert (newest.revision, newest.title) == (3, "three")


async def test_the_same_content_has_the_same_hash(bus: Bus, pool: Pool) -> None:
    last = await publish(bus, titled("one"), titled("two"), titled("one"))
    async with following(bus, pool):
        await reached(pool, last)
    one, two, again = [r.sha256 for r in await read.revisions(pool, TENANT, NAME)]
    assert one == again
    assert one != two


async def test_one_that_was_stopped_goes_on_where_it_was(bus: Bus, pool: Pool) -> None:
    async with following(bus, pool):
        await reached(pool, await publish(bus, titled("one")))
    last = await publish(bus, titled("two"))
    async with following(bus, pool):
        await reached(pool, last)
    assert [r.revision for r in await read.revisions(pool, TENANT, NAME)] == [1, 2]


async def test_two_that_run_at_once_store_each_revision_once(bus: Bus, pool: Pool) -> None:
    async with following(bus, pool), following(bus, pool):
        last = await publish(bus, *(titled(str(n)) for n in range(20)))
        await reached(pool, last)
    assert [r.revision for r in await read.revisions(pool, TENANT, NAME)] == list(range(1, 21))
    assert await position_of(pool) == last


async def test_a_position_that_was_replaced_is_not_replaced_again(pool: Pool) -> None:
    await prepare(pool)
    await store(pool, [], after=0, last=1)
    with pytest.raises(Overtaken):
        await store(pool, [], after=0, last=1)
    assert await position_of(pool) == 1


async def test_a_message_no_contract_covers_keeps_no_other_out(bus: Bus, pool: Pool) -> None:
    await bus.js.publish(agent_subject(TENANT, AgentId("broken")), b"{}")
    too_large = AgentPublished(at_ms=0, revision=2**40, agent=titled("large"))
    await bus.js.publish(agent_subject(TENANT, AgentId("large")), encode(too_large))
    last = await publish(bus, titled("one"))
    async with following(bus, pool):
        await reached(pool, last)
    assert [r.agent for r in await read.latest(pool, TENANT)] == [NAME]


async def test_a_title_with_a_nul_has_another_sign_in_its_place(bus: Bus, pool: Pool) -> None:
    last = await publish(bus, titled("one\0two"))
    async with following(bus, pool):
        await reached(pool, last)
    (row,) = await read.latest(pool, TENANT)
    assert row.title == "one\N{REPLACEMENT CHARACTER}two"


async def test_a_table_of_an_older_version_is_made_anew(bus: Bus, pool: Pool) -> None:
    last = await publish(bus, titled("one"))
    async with following(bus, pool):
        await reached(pool, last)
    await pool.execute("UPDATE agents_position SET version = $1", VERSION - 1)
    await pool.execute("UPDATE agents SET title = 'of older days'")
    async with following(bus, pool):
        await reached(pool, last)
    assert [r.title for r in await read.latest(pool, TENANT)] == ["one"]


async def test_a_table_of_a_later_version_is_left_alone(bus: Bus, pool: Pool) -> None:
    await prepare(pool)
    await pool.execute("UPDATE agents_position SET version = $1", VERSION + 1)
    with pytest.raises(LaterVersion):
        await position_of(pool)
    await asyncio.wait_for(follow_agents(bus, pool), 5)
    assert await pool.fetchval("SELECT version FROM agents_position") == VERSION + 1


async def test_it_goes_on_after_nats_was_away(log_server: NatsServer, bus: Bus, pool: Pool) -> None:
    async with following(bus, pool):
        await reached(pool, await publish(bus, titled("one")))
        await log_server.stop()
        await log_server.start()
        other = await connect(log_server.url, name="publisher")
        last = await publish(other, titled("two"))
        await other.close()
        await eventually_async(lambda: _is_at(pool, last), within_s=40)


async def _is_at(pool: Pool, position: int) -> bool:
    return await position_of(pool) >= position
