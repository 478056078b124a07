"""Callers as a process of their own against the whole platform, for a few seconds."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loadtest.load.run import Wanted, run
from loadtest.load.scenario import Fault, Manner, Scenario
from loadtest.load.systems import System, partyline

pytestmark = [pytest.mark.stack, pytest.mark.timeout(60)]


AGENT = """
name = "brief"
phrases = { greeting = "Hello." }
voice = { provider = "tone" }
stt = { provider = "scripted", options = { lines = ["tell me more please"] } }
llm = { provider = "scripted", options = { text = "Yes, of course." } }
turns = { stop_ms = 200, silence_ms = 100 }
"""


def may_look() -> bool:
    """Whether processes can be looked into that are not below one's own."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return os.geteuid() == 0 or not scope.exists() or int(scope.read_text()) == 0


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    agent = tmp_path / "agent.toml"
    agent.write_text(AGENT)
    async with partyline(tmp_path / "data", voice="2x", agent=agent) as there:
        yield there


async def test_two_callers_talk_one_over_the_other_end_and_all_is_accounted_for(
    system: System,
) -> None:
    manner = Manner(speech_ms=600, pause_ms=100, barge_in=1.0, barge_in_after_ms=200)
    stall = Fault(what="postgres_stalls", at_s=0.2, lasts_s=0.5)
    scenario = Scenario(about="two who interrupt", arrive_s=0.1, manner=manner, faults=(stall,))
    found = await run(
        system, Wanted(name="two", scenario=scenario, calls=2, length_s=4.0, verify=True)
    )
    assert (found.answered, found.lost, found.doubled, found.cut_short) == (2, 0, 0, 0)
    assert found.errors == {}
    assert (found.log_calls, found.log_wrong) == (2, ())
    assert (found.faults, found.parked) == (("postgres_stalls for 0.5 s",), 0)
    assert found.tables_behind_s > 0
    assert found.turns == found.wait_ms.n >= 4
    assert found.barge_in_ms.n + found.unheeded >= 2
    assert found.cpu_by_program.keys() >= {"roles", "nats-server", "postgres"}
    assert found.servers is not None
    assert found.servers.nats_msgs_per_s > 0
    assert found.servers.postgres_rows_per_s > 0
    assert found.servers.event_to_row_ms.n > 0
    assert 0 < found.hops_ms["whole_wait"].n <= found.turns  # not those cut short
    assert found.waterfalls.keys() == {"p50", "p99"}
    assert found.descriptors["roles"] > 0
    assert found.stream_mib["CALLS"] > 0
    assert found.caller_cpu_s_per_call_min > 0


@pytest.mark.skipif(not may_look(), reason="the kernel lets nobody look into other processes")
async def test_a_call_that_is_looked_at_says_where_the_processor_was(system: System) -> None:
    scenario = Scenario(about="one who asks", manner=Manner(speech_ms=400, pause_ms=100))
    wanted = Wanted(name="one", scenario=scenario, calls=1, length_s=2.0, profile=True)
    found = await run(system, wanted)
    roles, *servers = found.profile
    assert roles.program == "roles"
    assert {share.of for share in roles.shares} & {"frame", "append"}  # which part, is chance
    assert sum(share.cpu_s for share in roles.shares) == pytest.approx(roles.cpu_s)
    assert roles.us_per_frame * found.frames == pytest.approx(roles.cpu_s * 1e6, rel=0.01)
    assert found.frames > 100
    assert found.appends > 5
    assert [each.program for each in servers] == ["nats-server", "postgres"]
    assert all(each.us_per_frame > 0 and each.shares == () for each in servers)
