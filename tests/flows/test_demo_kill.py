"""The demo in which everything that holds the call is killed, the way the README says."""

import json
from pathlib import Path

import pytest
from programs import partyline

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_a_call_outlives_whatever_is_killed_under_it_and_shows_it(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = ("demo", "--kill", "--once", "--data", tmp_path / "d", "--report", file)
    async with partyline(*command) as demo:
        code = await demo.ends(240)
    assert code == 0, demo.printed
    report = json.loads(file.read_text())
    kills = report["kills"]
    assert [kill["victim"] for kill in kills] == [
        *("stt", "dialog", "voice", "dialog", "nats", "postgres", "gateway")
    ]
    for kill in kills:
        assert kill["successor_pid"] not in (0, kill["pid"])
        assert f"kill  -9 {kill['process']} (process {kill['pid']})" in demo.printed
        assert f"alive  {kill['successor']} (process {kill['successor_pid']})" in demo.printed
    assert [kill["epoch"] for kill in kills if kill["victim"] == "dialog"] == [2, 3]
    assert report["tool_runs"] == 1
    assert [turn["understood"] for turn in report["turns"]] == [
        turn["said"] for turn in report["turns"]
    ]
    assert "we were cut off" in report["turns"][6]["heard"]
    assert "Nothing is lost, and everything adds up." in demo.printed
