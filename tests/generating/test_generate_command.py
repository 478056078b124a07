"""`just generate`: what people type, and what they are told."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.stack


async def run(*arguments: str) -> tuple[int, str]:
    """Exit code and all that is printed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtest.generating",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, printed.decode()


async def test_calls_are_written_into_a_running_log(log_url: str, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    asked = ("--calls", "12", "--seed", "7", "--nats", log_url, "--json", str(figures))
    code, printed = await run(*asked)
    assert code == 0, printed
    done = json.loads(figures.read_bytes())
    assert done["calls"] == 12
    assert done["messages"] == done["last"]
    assert f"12 calls, {done['messages']:,} messages, {done['events']:,} events" in printed
    assert "./just generate --calls 12 --seed 7 --until" in printed


async def test_the_servers_of_a_folder_are_started_for_it(tmp_path: Path) -> None:
    code, printed = await run("--calls", "2", "--seed", "7", "--data", str(tmp_path / "data"))
    assert code == 0, printed
    assert "2 calls" in printed


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--calls", "0"), "1 or more"),
        (("--days", "0"), "from 0.1 to"),
        (("--until", "yesterday"), "must be like 2026"),
        (("--tenants", "a.b"), "tenant id must be"),
    ],
)
async def test_what_cannot_be_done_is_said(asked: tuple[str, ...], told: str) -> None:
    code, printed = await run(*asked)
    assert code != 0
    assert told in " ".join(printed.split())
    assert "Traceback" not in printed
