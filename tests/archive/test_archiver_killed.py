"""An archiver that dies at any point: run again, nothing is lost and nothing twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archive_house import DAY_MS, TENANT, House
from archiver_process import POINTS

from contracts import line
from contracts.ids import CallId, new_call_id
from contracts.recorded import Recorded
from contracts.streams import CALLS
from infra.archive import open_archive
from infra.call_log import CallLog

pytestmark = pytest.mark.stack
PROGRAM = Path(__file__).parent / "archiver_process.py"


async def killed_at(town: House, folder: Path, point: str) -> None:
    command = [sys.executable, str(PROGRAM), town.url, str(folder), str(town.now_ms), point]
    died = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    await (await town.bus.js.key_value("ARCHIVING")).purge("archiver")  # as the lease's age does


async def histories(town: House, folder: Path, calls: list[CallId]) -> list[list[Recorded]]:
    log = CallLog(town.bus, archive=open_archive(str(folder)))
    return [(await log.read(TENANT, call)).history for call in calls]


@pytest.mark.parametrize("older_call_stays", [False, True])
@pytest.mark.parametrize("point", POINTS)
async def test_killed_anywhere_and_run_again(
    town: House, tmp_path: Path, point: str, older_call_stays: bool
) -> None:
    """With an older call that stays, calls go one by one, and some may be gone when it dies."""
    folder = tmp_path / "archive"
    town.now_ms = time.time() * 1000 + DAY_MS
    kept = new_call_id()
    if older_call_stays:
        await town.store(TENANT, kept, "line", line.DigitPressed(at_ms=1, digit="5"))
    calls = [await town.ended_call() for _ in range(4)]
    before = await histories(town, folder, calls)

    await killed_at(town, folder, point)
    assert await histories(town, folder, calls) == before  # at every moment

    archive = open_archive(str(folder))
    done = await town.archive(archive, older_than=0.5)
    assert done.wrong == []
    assert await town.stored() == older_call_stays
    assert await histories(town, folder, calls) == before
    read = [each.call async for s in archive.segments() async for each in s.calls()]
    assert sorted(read) == sorted(calls)
    messages = sum([s.manifest.messages async for s in archive.segments()])
    assert messages == 20  # each written once


async def test_what_the_dead_left_is_tidied_away_a_day_later(town: House, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    await town.ended_call()
    await killed_at(town, folder, "half the data")
    await town.ended_call()
    await killed_at(town, folder, "after the data")
    left = [p for p in folder.rglob("*") if p.is_file()]
    assert len(left) == 2
    archive = open_archive(str(folder))
    await town.ended_call()
    await town.archive(archive, older_than=0.5)
    assert all(each.exists() for each in left)  # their writers may only have been paused
    for each in left:
        os.utime(each, (time.time() - 90_000,) * 2)
    await town.ended_call()
    await town.archive(archive, older_than=0.5)
    assert not any(each.exists() for each in left)


async def test_a_server_that_restarts_meanwhile_changes_nothing(
    town: House, tmp_path: Path
) -> None:
    archive = open_archive(str(tmp_path / "archive"))
    call = await town.ended_call()
    await town.archive_and_die_before_purging(archive)
    await town.restart_server()
    done = await town.archive(archive)
    assert (done.calls, done.let_go) == (0, 5)
    await town.restart_server()
    assert (await town.bus.js.stream_info(CALLS.name)).state.messages == 0
    assert len((await archive.read(TENANT, call)).history) == 5
