"""How a program beside us is started, watched, given up and ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from infra import children, tethered
from infra.children import Child, ChildFailed, NotReady, Program, kept_running
from infra.leftovers import runs

READY = "import signal; print('ready'); signal.pause()"
TETHERED = [sys.executable, "-I", "-S", tethered.__file__]


def program(folder: Path, script: str, *, ready: str = "ready") -> Program:
    """A Python script that counts as ready when it has written `ready` to its log."""
    log = folder / "script.log"
    said_before = len(log.read_text()) if log.exists() else 0

    async def has_said_it() -> None:
        if ready not in log.read_text()[said_before:]:
            raise NotReady

    mark = str(folder / "mark")
    return Program(
        name="script",
        argv=(sys.executable, "-u", "-c", script, mark),
        mark=mark,
        log=log,
        pid_file=folder / "script.pid",
        stop=signal.SIGTERM,
        ready=has_said_it,
    )


async def test_a_program_that_ends_before_it_is_ready_is_quoted(tmp_path: Path) -> None:
    child = Child(program(tmp_path, "print('no room'); raise SystemExit(3)"))
    with pytest.raises(ChildFailed, match=r"(?s)exit code 3.*no room"):
        await child.start()


async def test_a_program_that_never_becomes_ready_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "READY_WITHIN_S", 0.3)
    child = Child(program(tmp_path, "import signal; signal.pause()"))
    with pytest.raises(ChildFailed, match=r"not ready in 0\.3 s"):
        await child.start()
    assert not _is_alive(tmp_path)


async def test_a_program_that_ends_is_quoted_although_the_check_misses_its_cancellation(
    tmp_path: Path,
) -> None:
    """As asyncio.wait_for does on Python below 3.12, and a client of NATS with it."""

    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        raise NotReady

    ends = msgspec.structs.replace(program(tmp_path, "raise SystemExit('no room')"), ready=deaf)
    async with asyncio.timeout(10):
        with pytest.raises(ChildFailed, match="no room"):
            await Child(ends).start()


async def test_a_program_that_will_not_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STOPPED_WITHIN_S", 0.2)
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('ready'); signal.pause()"
    child = Child(program(tmp_path, deaf))
    await child.start()
    await child.stop()
    assert not _is_alive(tmp_path)


async def test_a_program_that_keeps_dying_is_given_up_and_ends_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(children, "BACKOFF_S", (0.0, 0.0))
    broken = tmp_path / "broken"
    script = f"import os; os.path.exists({str(broken)!r}) and exit('disk full'); {READY}"
    child = Child(program(tmp_path, script))
    await child.start()
    broken.touch()
    os.kill(int((tmp_path / "script.pid").read_text()), signal.SIGKILL)
    with pytest.raises(ChildFailed, match=r"(?s)died 3 times in a row, given up.*disk full"):
        async with kept_running(child):
            await asyncio.Event().wait()
    assert "script died (exit code -9)" in caplog.text


async def test_what_goes_wrong_in_the_block_is_raised_as_it_is(tmp_path: Path) -> None:
    child = Child(program(tmp_path, READY))
    await child.start()
    with pytest.raises(LookupError, match="our own"):
        async with kept_running(child):
            raise LookupError("our own")
    await child.stop()


async def test_a_start_that_is_called_off_leaves_nothing_running(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def not_yet() -> None:
        asked.set()
        raise NotReady

    child = Child(msgspec.structs.replace(program(tmp_path, READY), ready=not_yet))
    start = asyncio.create_task(child.start())
    await asked.wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not _is_alive(tmp_path)


async def test_what_a_killed_owner_left_running_is_ended_before_a_new_start(
    tmp_path: Path,
) -> None:
    lost = Child(program(tmp_path, READY))
    await lost.start()
    left = int((tmp_path / "script.pid").read_text())
    next_one = Child(program(tmp_path, READY))
    await next_one.start()
    assert int((tmp_path / "script.pid").read_text()) != left
    assert not runs(left, str(tmp_path / "mark"))
    await next_one.stop()
    await lost.stop()


def test_a_program_whose_parent_has_already_ended_does_not_begin(tmp_path: Path) -> None:
    not_our_parent = str(os.getpid() + 1)
    begun = subprocess.run(
        [*TETHERED, not_our_parent, "15", "/bin/sh", "-c", "echo begun"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert begun.returncode != 0
    assert begun.stdout == ""


BECOME = """
import os, sys
infra, way, folder, look = sys.argv[1:]
sys.path.insert(0, infra)
import tethered
if way == "leave_root":
    tethered.leave_root(folder)
else:
    tethered.give(folder, 65534 if way == "become_nobody" else 0)
    getattr(tethered, way)()
os.execv(sys.executable, [sys.executable, "-I", "-c", look, folder + "/row"])
"""
LOOK = """
import os, sys
row = sys.argv[1]
print(os.geteuid() != 0, open(row).read(), os.stat(row).st_uid == os.geteuid())
"""
ROOTS_WAYS = [
    step.__name__
    for step in (tethered.enter_namespace, tethered.become_nobody)
    if os.geteuid() == 0 and tethered.works(step)  # for others there is only the first way below
]


@pytest.mark.parametrize("way", ["leave_root", *ROOTS_WAYS])
def test_postgres_is_not_started_as_root_and_still_reaches_our_private_folders(
    tmp_path: Path, way: str
) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    folder = tmp_path / "private" / "postgres"
    folder.mkdir(mode=0o700)
    (folder / "row").write_text("kept")
    (folder / "row").chmod(0o600)
    told = subprocess.run(
        [sys.executable, "-I", "-c", BECOME, Path(tethered.__file__).parent, way, folder, LOOK],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "True kept True\n", told.stderr


def _is_alive(folder: Path) -> bool:
    pid = int((folder / "script.pid").read_text())
    return runs(pid, str(folder / "mark"))
