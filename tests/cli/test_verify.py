"""partyline verify against real servers: what it prints, its exit code, its JSON."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agents_followed import agents_followed

from contracts import line
from contracts.agent import Agent, Phrases
from contracts.event import AgentRef
from contracts.ids import CallId, HostId, TenantId, new_call_id
from contracts.recorded import Fact, FactCause, Message
from contracts.streams import CALLS
from infra.agents import Agents
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from infra.postgres import Pool, connect_pool
from projections.run import caught_up, run
from services.call.actor import Actor
from services.cli.verifying import Verified, verify_calls, verify_log

pytestmark = pytest.mark.stack
TENANT = TenantId("practice")
AGENT = Agent(name="receptionist", phrases=Phrases(greeting="Hello."))


class House:
    """A log, a database, and calls in both."""

    def __init__(self, bus: Bus, pool: Pool, servers: tuple[str, str]) -> None:
        self.bus, self.pool, self._servers = bus, pool, servers
        self.agents, self.journal = Agents(bus), NatsJournal(bus)
        self._projecting = asyncio.Event()

    async def calls(self, count: int) -> list[CallId]:
        """Calls that are over and in the tables, one after the other."""
        ref = await self.agents.publish(TENANT, AGENT)
        calls = [await self._call(ref) for _ in range(count)]
        stop = asyncio.Event()
        projecting = asyncio.create_task(run(self.bus, self.pool, stop=stop))
        await caught_up(self.pool, (await self.bus.js.stream_info(CALLS.name)).state.last_seq)
        await agents_followed(self.bus, self.pool)
        stop.set()
        await projecting
        return calls

    async def _call(self, ref: AgentRef) -> CallId:
        call, now_ms = new_call_id(), time.time_ns() // 1_000_000
        actor = Actor(self.journal, TENANT, call, AGENT, HostId("dialog-1"))
        await actor.claim()
        facts: list[Fact] = [
            line.LineRang(at_ms=now_ms, carrier="loopback", carrier_call="CA1", agent=ref),
            line.LineAnswered(at_ms=now_ms, stream="MZ1"),
            line.PlaybackFinished(at_ms=now_ms, reply=1),
            line.LineEnded(at_ms=now_ms, reason="caller_hung_up"),
        ]
        for n, fact in enumerate(facts):
            message = Message(by="gateway-1", events=(fact,))
            await self.journal.append(TENANT, call, "line", message, id=f"{call}:line:{n}")
            seen = [r async for r in self.journal.read(TENANT, call, "line")][-1]
            actor.saw(seen)
            await actor.take(fact, FactCause(sequence=seen.sequence))
        return call

    async def sequences(self, call: CallId, family: str = "*") -> list[int]:
        return [r.sequence async for r in self.journal.read(TENANT, call, family)]  # type: ignore[arg-type]

    async def verified(self) -> Verified:
        return await verify_log(self.bus, self.journal, self.agents, self.pool, TENANT)

    async def partyline(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        nats, postgres = self._servers
        command = [sys.executable, "-m", "services.cli", *arguments]
        named = ["--nats", nats, "--postgres", postgres, "--tenant", TENANT]
        return await asyncio.to_thread(
            subprocess.run, [*command, *named], capture_output=True, text=True, timeout=60
        )


@pytest.fixture
async def house(tmp_path: Path, tables_dsn: str) -> AsyncIterator[House]:
    server = NatsServer(make_folders(tmp_path / "log"), "secret")
    await server.start()
    bus, pool = await connect(server.url, name="test"), await connect_pool(tables_dsn)
    await create_streams(bus)
    yield House(bus, pool, (server.url, tables_dsn))
    await pool.close()
    await bus.close()
    await server.stop()


async def test_a_whole_log_with_its_tables_is_found_to_be_whole(house: House) -> None:
    calls = await house.calls(60)
    verified = await house.verified()
    assert verified.whole, verified
    assert (verified.calls, verified.going_on, verified.outside) == (60, 0, 0)
    assert verified.messages == sum([len(await house.sequences(call)) for call in calls])
    assert verified.rows > verified.messages  # a row an event, and those of the other tables


async def test_only_the_broken_call_is_named(house: House) -> None:
    calls = await house.calls(3)
    removed = (await house.sequences(calls[1], "line"))[1]
    await house.bus.js.delete_msg(CALLS.name, removed)
    verified = await house.verified()
    assert [each.call for each in verified.broken] == [calls[1]]
    assert verified.log == []  # the call says it better
    assert {(f.kind, f.sequence) for f in verified.broken[0].findings} >= {("removed", removed)}


async def test_a_deleted_message_that_no_decision_names_is_found(house: House) -> None:
    calls = await house.calls(2)
    late = line.CarrierReported(at_ms=1, status="completed", sequence=1)
    message = Message(by="gateway-1", events=(late,))
    stored = await house.journal.append(TENANT, calls[0], "line", message, id="late")
    await house.calls(1)
    await house.bus.js.delete_msg(CALLS.name, stored.sequence)
    assert [(f.kind, f.sequence) for f in (await house.verified()).log] == [
        ("removed", stored.sequence)
    ]


async def test_a_call_of_which_nothing_is_left_is_missed_by_its_rows(house: House) -> None:
    calls = await house.calls(2)
    await house.bus.js.purge_stream(CALLS.name, subject=f"call.{TENANT}.{calls[0]}.>")
    found = (await house.verified()).log
    assert any(f.kind == "rows" and calls[0] in f.says for f in found)


@pytest.mark.parametrize(
    ("done", "says"),
    [
        ("DELETE FROM agents", "agents: revision 1 of receptionist is missing"),
        (
            "UPDATE agents SET revision = 7",
            "agents: revision 7 of receptionist should not be there",
        ),
        (
            "UPDATE agents SET title = 'x', tools = '{y}'",
            "agents: revision 1 of receptionist differs in title, tools",
        ),
    ],
)
async def test_a_revision_of_an_agent_that_is_not_as_published_is_found(
    house: House, done: str, says: str
) -> None:
    await house.calls(1)
    await house.pool.execute(done)
    assert says in [finding.says for finding in (await house.verified()).log]


async def test_tables_that_are_behind_are_said_to_be(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.verifying._TABLES_WITHIN_S", 0.1)
    calls = await house.calls(1)
    late = line.CarrierReported(at_ms=1, status="completed", sequence=1)
    await house.journal.append(
        TENANT, calls[0], "line", Message(by="gateway-1", events=(late,)), id="late"
    )
    verified = await house.verified()
    assert [f.kind for f in verified.log] == ["behind"]
    assert verified.broken == []


async def test_some_calls_can_be_verified_alone(house: House) -> None:
    first, second, unknown = *(await house.calls(2)), new_call_id()
    await house.pool.execute("UPDATE calls SET turns = 9 WHERE call = $1", second)
    verified = await verify_calls(
        house.bus, house.journal, house.agents, house.pool, TENANT, [first, second, unknown]
    )
    assert {each.call: [f.says for f in each.findings] for each in verified.broken} == {
        second: ["calls: its row differs in turns"],
        unknown: ["the log holds nothing of this call"],
    }


async def test_the_command_says_that_all_is_whole(house: House) -> None:
    call, _ = await house.calls(2)
    for which, counted in ((call, "1 call,"), ("--all", "2 calls,")):
        done = await house.partyline("verify", which)
        assert done.returncode == 0, done.stderr
        assert counted in done.stdout
        assert "Nothing is lost" in done.stdout


async def test_the_command_names_what_is_wrong_and_fails(house: House) -> None:
    call, other = await house.calls(2)
    removed = (await house.sequences(call, "line"))[2]
    await house.bus.js.delete_msg(CALLS.name, removed)
    done = await house.partyline("verify", call)
    assert done.returncode == 1
    assert all(part in done.stdout for part in (call, str(removed), "removed"))
    assert (await house.partyline("verify", other)).returncode == 0


async def test_the_command_speaks_to_programs(house: House) -> None:
    (call,) = await house.calls(1)
    assert (await told(house, "--all"))["whole"] is True
    await house.pool.execute("DELETE FROM timeline WHERE call = $1", call)
    said = await told(house, call)
    assert (said["whole"], said["calls"], said["broken"][0]["call"]) == (False, 1, call)
    assert {each["kind"] for each in said["broken"][0]["findings"]} == {"rows"}
    assert (await told(house, call, "--no-tables"))["whole"] is True


async def test_the_command_wants_to_know_which_call(house: House) -> None:
    for arguments in ((), ("--all", "some-call")):
        done = await house.partyline("verify", *arguments)
        assert done.returncode == 1
        assert "--all" in done.stderr
    unknown = await house.partyline("verify", "no-such-call")
    assert unknown.returncode == 1
    assert "holds no call" in unknown.stderr


async def told(house: House, *arguments: str) -> dict[str, Any]:
    done = await house.partyline("verify", *arguments, "--json")
    return msgspec.json.decode(done.stdout)  # type: ignore[no-any-return]
