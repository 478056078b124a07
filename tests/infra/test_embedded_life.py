"""How an embedded stack begins, ends, is killed, and begins again on the same data."""

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import nats
import pytest
from eventually import eventually

from infra.embedded import Addresses, embedded, running
from infra.leftovers import runs
from infra.postgres_server import socket_folder

pytestmark = pytest.mark.stack

STACK = Path(__file__).with_name("stack_in_a_process.py")
LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder through all these lives: each test finds what the one before left."""
    folder = tmp_path_factory.mktemp("lives") / "data"
    yield folder
    shutil.rmtree(folder)


async def test_a_stopped_stack_starts_again_with_everything_it_had(data: Path) -> None:
    async with embedded(data) as first:
        record = await _record(first)
    assert _survivors(data) == []
    assert running(data) is None
    async with embedded(data) as second:
        await _find(record, second)
    assert second == first  # the same port and credential, too


@LOOPS
async def test_a_killed_owner_takes_its_servers_along_and_loses_nothing(
    data: Path, loop: str
) -> None:
    with _stack(data, loop) as owner:
        addresses = running(data)
        assert addresses is not None
        record = await _record(addresses)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait(10)
        eventually(lambda: _survivors(data) == [])
    assert running(data) is None  # though the lock file is still there
    async with embedded(data) as again:
        await _find(record, again)


@LOOPS
@pytest.mark.parametrize("request_to_stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_stop_the_servers_in_order(
    data: Path, request_to_stop: signal.Signals, loop: str
) -> None:
    with _stack(data, loop) as owner:
        os.kill(owner.pid, request_to_stop)
        assert owner.stdout is not None
        assert owner.stdout.read() == "stopped\n"
        assert owner.wait(10) == 0
    assert _survivors(data) == []
    assert "Server Exiting" in (data / "logs" / "nats.log").read_text()
    assert "database system is shut down" in (data / "logs" / "postgres.log").read_text()


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers_themselves(data: Path) -> None:
    with _stack(data, "uvloop") as owner:
        for pid in _survivors(data):
            assert os.getpgid(pid) != os.getpgid(owner.pid)
        owner.terminate()
        owner.wait(10)


async def test_a_lock_file_that_names_a_stranger_does_not_stop_postgres(data: Path) -> None:
    async with embedded(data):
        pass
    with _stranger() as stranger:
        lock = f"{stranger.pid}\n{data}/postgres\n1\n5432\n{data}/run\n\n  1 1\nready\n"
        (data / "postgres" / "postmaster.pid").write_text(lock)
        (data / "run" / ".s.PGSQL.5432.lock").write_text(lock)
        for server in ("nats", "postgres"):
            (data / "run" / f"{server}.pid").write_text(str(stranger.pid))
        async with embedded(data):
            assert stranger.poll() is None


async def test_a_first_start_that_was_cut_short_is_begun_again_whatever_the_path(
    tmp_path: Path,
) -> None:
    data = tmp_path / 'it\'s, "the" data \\ folder' / ("long" * 30)
    half = data / "postgres.half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with embedded(data) as addresses:
        await _find(await _record(addresses), addresses)
        assert not socket_folder(data).is_relative_to(data)
    assert not half.exists()
    assert not socket_folder(data).exists()
    shutil.rmtree(data)


@contextmanager
def _stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
        yield process


@contextmanager
def _stack(data: Path, loop: str) -> Iterator[subprocess.Popen[str]]:
    owner = subprocess.Popen([sys.executable, STACK, data, loop], stdout=subprocess.PIPE, text=True)
    with owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "ready\n"
            yield owner
        finally:
            owner.kill()


async def _record(stack: Addresses) -> str:
    """Have a new event acknowledged and a new row committed; their name."""
    name = f"record_{uuid.uuid4().hex}"
    async with await nats.connect(stack.nats_url) as bus:
        log = bus.jetstream()
        await log.add_stream(name=name, subjects=[name])
        await log.publish(name, b"ring")
    db = await asyncpg.connect(stack.postgres_dsn)
    await db.execute(f"CREATE TABLE {name} AS SELECT 'ring' AS event")
    await db.close()
    return name


async def _find(record: str, stack: Addresses) -> None:
    async with await nats.connect(stack.nats_url) as bus:
        kept = await bus.jetstream().get_msg(record, seq=1)
    assert kept.data == b"ring"
    db = await asyncpg.connect(stack.postgres_dsn)
    assert await db.fetchval(f"SELECT event FROM {record}") == "ring"
    await db.close()


def _survivors(data: Path) -> list[int]:
    """Processes, of any kind, that have the data folder on their command line or as their place."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    servers = (str(data / "nats.json"), str(data / "postgres"))
    return [pid for pid in pids if any(runs(pid, mark) for mark in servers) or _works_in(pid, data)]


def _works_in(pid: int, data: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(data)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
