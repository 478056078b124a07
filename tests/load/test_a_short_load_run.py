"""Callers as a process of their own against the whole platform, for a few seconds."""

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
        system, Wanted(name="two", scenario=scenario, calls=2, length_s=2.0, verify=True)
    )
    assert (found.answered, found.lost, found.doubled, found.cut_short) == (2, 0, 0, 0)
    assert found.errors == {}
    assert (found.log_calls, found.log_wrong) == (2, ())
    assert (found.faults, found.parked) == (("postgres_stalls for 0.5 s",), 0)
    assert found.tables_behind_s > 0
    assert found.turns == found.wait_ms.n == 4
    assert found.barge_in_ms.n + found.unheeded == 2
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
