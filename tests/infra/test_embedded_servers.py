"""What the servers of an embedded stack promise while they run."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import nats
import pytest
from eventually import eventually

from infra.children import ChildFailed, NotReady
from infra.embedded import Addresses, AlreadyRunning, embedded, running
from infra.nats_server import NatsServer, assert_durable, binary, configuration, free_port
from infra.postgres_server import make_private, socket_folder

pytestmark = pytest.mark.stack


async def test_an_event_is_acknowledged_by_the_real_server(nats_url: str) -> None:
    async with await nats.connect(nats_url) as bus:
        log = bus.jetstream()
        await log.add_stream(name="ACKNOWLEDGED", subjects=["acknowledged"])
        acknowledged = await log.publish("acknowledged", b"ring")
    assert acknowledged.seq == 1


async def test_the_event_server_answers_only_on_this_machine_and_only_with_the_credential(
    stack: Addresses,
) -> None:
    async with await nats.connect(stack.nats_url) as bus:
        assert bus.connected_url is not None
        assert bus.connected_url.hostname == "127.0.0.1"
        port = bus.connected_url.port
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b'CONNECT {"user":"partyline","pass":"guess"}\r\nPING\r\n')
        assert b"Authorization Violation" in stranger.makefile("rb").read()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", port)) != 0


async def test_a_running_server_that_does_not_sync_to_disk_is_refused(tmp_path: Path) -> None:
    config = configuration(tmp_path, "secret", free_port())
    del config["jetstream"]["sync_interval"]
    (tmp_path / "nats.json").write_text(json.dumps(config))
    with _server(tmp_path), pytest.raises(ChildFailed, match="sync_interval: always"):
        await _answer(f"nats://system:secret@{config['listen']}")


@contextmanager
def _server(folder: Path) -> Iterator[None]:
    arguments = ("-c", folder / "nats.json", "-l", folder / "nats.log")
    with subprocess.Popen([binary(), *arguments]) as server:
        try:
            yield
        finally:
            server.terminate()


async def _answer(url: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                return await assert_durable(url)
            except NotReady:
                await asyncio.sleep(0.01)


async def test_the_record_is_kept_by_a_real_postgres_that_syncs_to_disk(stack: Addresses) -> None:
    db = await asyncpg.connect(stack.postgres_dsn)
    settings = {row["name"]: row["setting"] for row in await db.fetch("TABLE pg_settings")}
    await db.close()
    assert settings["server_version"].startswith("18.")
    assert (settings["fsync"], settings["synchronous_commit"]) == ("on", "on")
    assert settings["listen_addresses"] == ""
    assert settings["server_encoding"] == "UTF8"


async def test_only_the_owner_of_the_data_can_reach_the_record(stack: Addresses) -> None:
    folder = socket_folder(stack.data)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".s.PGSQL.5432").is_socket()


async def test_each_test_has_an_empty_database_of_its_own(
    stack: Addresses, postgres_dsn: str
) -> None:
    assert postgres_dsn != stack.postgres_dsn
    db = await asyncpg.connect(postgres_dsn)
    await db.execute("CREATE TABLE calls (call text)")
    await db.close()


async def test_a_refused_statement_leaves_no_words_of_the_caller_in_the_log(
    stack: Addresses, postgres_dsn: str
) -> None:
    db = await asyncpg.connect(postgres_dsn)
    await db.execute("CREATE TABLE calls (number text PRIMARY KEY)")
    await db.execute("INSERT INTO calls VALUES ('5550142')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute("INSERT INTO calls VALUES ('5550142')")
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await db.execute("SELECT '5550142 please'::json")
    await db.close()
    assert "5550142" not in (stack.data / "logs" / "postgres.log").read_text()


async def test_a_second_start_on_the_same_folder_names_the_process_that_runs_there(
    stack: Addresses,
) -> None:
    with pytest.raises(AlreadyRunning, match=rf"already running .*process {os.getpid()}\)"):
        async with embedded(stack.data):
            pytest.fail("two stacks on one folder")


async def test_a_second_terminal_finds_the_running_stack(stack: Addresses, tmp_path: Path) -> None:
    assert running(stack.data) == stack
    assert running(tmp_path) is None


def test_addresses_in_a_log_line_do_not_give_the_credential_away(stack: Addresses) -> None:
    secret = (stack.data / "credential").read_text()
    assert secret in stack.nats_url
    assert secret not in f"{stack} {stack!r}"
    for private in ("credential", "nats.json", "addresses.json"):
        assert stat.S_IMODE((stack.data / private).stat().st_mode) == 0o600


async def test_a_server_that_can_not_start_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "jetstream").mkdir()
    (tmp_path / "jetstream" / "jetstream").write_text("a file where the store must be")
    with pytest.raises(ChildFailed, match="storage directory"):
        async with embedded(tmp_path):
            pytest.fail("a server without a store")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "run" / "nats.pid").read_text()), 0)


async def test_a_killed_event_server_is_back_on_the_same_port(
    stack: Addresses, caplog: pytest.LogCaptureFixture
) -> None:
    async with await nats.connect(stack.nats_url) as bus:
        log = bus.jetstream()
        await log.add_stream(name="OUTLIVES", subjects=["outlives"])
        await log.publish("outlives", b"ring")
    _kill(stack, "nats")
    eventually(lambda: "nats-server is back" in caplog.text)
    assert "nats-server died (exit code -9)" in caplog.text
    async with await nats.connect(stack.nats_url) as bus:
        stream = await bus.jetstream().stream_info("OUTLIVES")
    assert stream.state.messages == 1


async def test_a_killed_postgres_is_back_with_all_that_was_committed(
    stack: Addresses, postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    db = await asyncpg.connect(postgres_dsn)
    await db.execute("CREATE TABLE calls AS SELECT 'kept' AS call")
    db.terminate()
    _kill(stack, "postgres")
    eventually(lambda: "postgres is back" in caplog.text)
    db = await asyncpg.connect(postgres_dsn)
    assert await db.fetchval("SELECT call FROM calls") == "kept"
    await db.close()


def _kill(stack: Addresses, server: str) -> None:
    os.kill(int((stack.data / "run" / f"{server}.pid").read_text()), signal.SIGKILL)


def test_a_path_too_long_for_a_socket_gets_a_short_private_folder_instead(tmp_path: Path) -> None:
    folder = socket_folder(tmp_path / ("long" * 30))
    assert len(bytes(folder)) < 80
    assert folder == socket_folder(tmp_path / ("long" * 30))
    assert folder != socket_folder(tmp_path / ("longer" * 30))


def test_a_socket_folder_others_can_enter_is_refused(tmp_path: Path) -> None:
    make_private(tmp_path / "ours")
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "led astray").symlink_to(tmp_path / "ours")
    for folder in ("open", "led astray"):
        with pytest.raises(ChildFailed, match="only its owner"):
            make_private(tmp_path / folder)


async def test_a_port_somebody_else_has_is_refused_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ChildFailed, match=f"port {port} is taken"):
            await NatsServer(tmp_path, "password", port).start()
