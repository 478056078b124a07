"""The demo through Deepgram's, Groq's and ElevenLabs' SDKs, with the vendors on loopback."""

import json
from pathlib import Path

import pytest
from programs import partyline

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


async def test_the_demos_call_is_heard_answered_and_spoken_through_the_vendors_sdks(
    tmp_path: Path,
) -> None:
    file = tmp_path / "report.json"
    command = ("demo", "--vendors", "--once", "--data", tmp_path / "d", "--report", file)
    async with partyline(*command) as demo:
        code = await demo.ends(180)
    assert code == 0, demo.printed
    report = json.loads(file.read_text())
    assert report["ok"]
    assert report["tool_runs"] == 1
    assert "deepgram-flux hears, groq answers, elevenlabs speaks" in demo.printed
    assert "would not have taken" not in demo.printed
    assert "Where the wait went" in demo.printed
