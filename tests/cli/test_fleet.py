"""Roles as processes that can be killed, paused and started again, and never outlive us."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from eventually import eventually

from contracts.streams import KEYS
from infra.embedded import Addresses
from infra.nats import connect, create_streams
from services.cli.fleet import Crew, NotServing, Serving, fleet
from services.cli.places import Places

pytestmark = pytest.mark.stack
PARENT = """
import asyncio, sys
from pathlib import Path
from services.cli.fleet import Crew, fleet
from services.cli.places import Places

async def main():
    places = Places(nats=sys.argv[1], postgres="", qdrant="")
    async with fleet([Crew(name="a", roles=("dialog",), places=places)], Path(sys.argv[2])) as crew:
        crew["a"].pause()
        print(crew["a"].pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
async def in_the_clear(stack: Addresses) -> None:
    """Others seal calls in this log, and who has not their master key may not serve it."""
    bus = await connect(stack.nats_url, name="test")
    await create_streams(bus)
    await bus.js.purge_stream(KEYS.name)
    await bus.close()


@pytest.fixture
async def dialog(stack: Addresses, tmp_path: Path) -> AsyncIterator[Serving]:
    async with fleet([_crew(stack.nats_url)], tmp_path) as processes:
        yield processes["d1"]


async def test_a_killed_process_serves_again_when_it_is_started(dialog: Serving) -> None:
    first = dialog.pid
    await dialog.kill()
    assert not _runs(first)
    await dialog.start()
    assert dialog.pid != first
    assert (dialog.state, dialog.lives) == ("up", 2)


async def test_a_paused_process_stands_still_until_it_is_resumed(dialog: Serving) -> None:
    dialog.pause()
    eventually(lambda: _stands_still(dialog.pid))
    dialog.resume()
    eventually(lambda: not _stands_still(dialog.pid))


async def test_a_paused_process_can_be_asked_to_end(dialog: Serving) -> None:
    dialog.pause()
    assert await dialog.terminate()
    assert not _runs(dialog.pid)


async def test_what_it_says_is_kept_over_its_lives(dialog: Serving) -> None:
    await dialog.terminate()
    await dialog.start()
    assert "life 1" in dialog.log.read_text()
    assert "life 2" in dialog.log.read_text()


async def test_leaving_a_fleet_ends_even_what_is_paused(stack: Addresses, tmp_path: Path) -> None:
    async with fleet([_crew(stack.nats_url)], tmp_path) as processes:
        pid = processes["d1"].pid
        processes["d1"].pause()
    assert not _runs(pid)


async def test_a_process_that_cannot_serve_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(NotServing, match=r"d1\.log"):
        async with fleet([_crew("nats://127.0.0.1:1")], tmp_path):
            pass
    assert "NATS did not answer" in (tmp_path / "d1.log").read_text()


def test_a_paused_process_dies_with_its_killed_parent(stack: Addresses, tmp_path: Path) -> None:
    read, write = os.pipe()
    parent = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", PARENT, stack.nats_url, str(tmp_path)],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)],
    )
    os.close(write)
    with os.fdopen(read) as said:
        pid = int(said.readline())
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    eventually(lambda: not _runs(pid))


def _crew(nats_url: str) -> Crew:
    return Crew(name="d1", roles=("dialog",), places=Places(nats=nats_url, postgres="", qdrant=""))


def _runs(pid: int) -> bool:
    return _status(pid) not in ("", "Z")


def _stands_still(pid: int) -> bool:
    return _status(pid) == "T"


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
