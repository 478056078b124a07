"""Whole calls, the way the README says: the demo, a second terminal, roles as processes."""

import json
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from programs import partyline, recordings

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


async def test_the_demo_understands_answers_books_once_and_can_be_interrupted(
    tmp_path: Path,
) -> None:
    file = tmp_path / "report.json"
    async with partyline("demo", "--once", "--data", tmp_path / "d", "--report", file) as demo:
        code = await demo.ends(150)
    assert code == 0, demo.printed
    report = json.loads(file.read_text())
    assert report["ok"]
    assert report["tool_runs"] == 1
    assert [turn["said"] for turn in report["turns"]] == [
        turn["understood"] for turn in report["turns"]
    ]
    assert [turn["interrupted"] for turn in report["turns"]].count(True) == 1
    assert all(turn["wait_ms"] > 0 for turn in report["turns"])


async def test_a_call_from_a_second_terminal_is_answered_listed_and_replayed(
    tmp_path: Path,
) -> None:
    data = tmp_path / "d"
    async with partyline("up", "--data", data, "--port", 0) as up:
        await up.prints("Partyline is ready at http://127.0.0.1:")
        audio = recordings("prices", "goodbye")
        async with partyline("call", "--data", data, "--audio", *audio) as caller:
            assert await caller.ends() == 0, caller.printed
        assert "forty five pounds" in caller.printed
        assert "agent hung up" in caller.printed
        call = re.search(r"calls show ([0-9a-f-]+)", caller.printed)
        assert call is not None
        await _can_be_looked_at(data, call[1])
        async with partyline("up", "--data", data) as second:
            assert await second.ends() == 1
        assert "already" in second.printed


async def _can_be_looked_at(data: Path, call: str) -> None:
    for arguments in (["calls"], ["calls", "show", call], ["replay", call], ["doctor"]):
        async with partyline(*arguments, "--data", data) as look:
            assert await look.ends() == 0, look.printed
        if arguments != ["doctor"]:
            assert call in look.printed
    async with partyline("replay", call, "--at", 12, "--json", "--data", data) as state:
        assert await state.ends() == 0, state.printed
    assert json.loads(state.printed)["state"]["situation"]


async def test_all_roles_as_processes_of_their_own_hold_a_conversation(tmp_path: Path) -> None:
    data = tmp_path / "d"
    async with AsyncExitStack() as processes:
        servers = await processes.enter_async_context(partyline("up", "--no-roles", "--data", data))
        await servers.prints("The servers are ready")
        for role in ("projections", "rag", "tts", "dialog", "stt", "gateway"):
            serving = await processes.enter_async_context(partyline("serve", role, "--data", data))
            await serving.prints(f"Partyline serves {role}")
        agent = Path("services/cli/example/agent.toml")
        async with partyline("agent", "publish", agent, "--data", data) as publishing:
            assert await publishing.ends() == 0, publishing.printed
        audio = recordings("opening-hours", "goodbye")
        async with partyline("call", "--data", data, "--audio", *audio) as caller:
            assert await caller.ends() == 0, caller.printed
        assert "nine in the morning until one" in caller.printed


async def test_what_users_get_wrong_is_said_in_one_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "x"\nlanguages = "en"\n')
    cases = {
        ("calls", "--data", tmp_path): "Nothing runs on",
        ("replay", "a.b", "--data", tmp_path): "call id must be",
        ("agent", "publish", bad, "--nats", "nats://127.0.0.1:1"): "NATS did not answer",
        ("serve", "sst"): "Name one or more roles",
        ("call", "--audio", tmp_path / "none.wav", "--data", tmp_path): "none.wav",
    }
    for arguments, sentence in cases.items():
        async with partyline(*arguments) as command:
            assert await command.ends() == 1, command.printed
        assert sentence in command.printed
        assert "Traceback" not in command.printed
