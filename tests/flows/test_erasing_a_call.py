"""A call is erased from a second terminal, while the platform that took it goes on."""

import re
from pathlib import Path

import pytest
from programs import partyline, recordings

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
SAID, NUMBER = "how much does a check up cost", "+15550123"


async def told(*arguments: object) -> str:
    async with partyline(*arguments) as command:
        assert await command.ends() == 0, command.printed
    return command.printed


async def test_what_was_said_is_gone_for_everybody_and_the_call_still_adds_up(
    tmp_path: Path,
) -> None:
    data = tmp_path / "d"
    async with partyline("up", "--data", data, "--port", 0) as up:
        await up.prints("Partyline is ready at http://127.0.0.1:")
        heard = await told("call", "--data", data, "--audio", *recordings("prices", "goodbye"))
        found = re.search(r"calls show ([0-9a-f-]+)", heard)
        assert found is not None
        call = found[1]
        before = await told("calls", "show", call, "--data", data)
        assert SAID in " ".join(before.split())
        assert NUMBER in before
        erased = await told("erase", "--call", call, "--yes", "--data", data)
        assert "1 call erased" in erased
        for looking in (("calls", "show"), ("replay",)):
            after = await told(*looking, call, "--data", data)
            assert "[erased]" in after
            assert "check up" not in after
            assert NUMBER not in after
        assert "1 call erased" in await told("verify", "--all", "--data", data)
    kept = [f for f in data.rglob("*") if f.is_file() and "postgres" not in f.parts]
    assert not [f for f in kept if NUMBER.encode() in f.read_bytes()]
    log = [f for f in kept if "CALLS" in f.parts or "logs" in f.parts]
    assert any(b"line.rang" in f.read_bytes() for f in log)
    assert not [f for f in log if SAID.encode() in f.read_bytes()]  # the agent knows the phrase
