"""The platform under test: real servers, and two real processes for every role."""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from contracts.codec import Codec
from infra.embedded import Addresses, embedded
from infra.loopback_ports import free_port
from infra.master_key import NAME, read_master_key
from infra.nats import Bus, connect, create_streams
from infra.vault import Vault
from loadtest.chaos.relay import Relay, relay
from services.cli.fleet import Crew, Serving, fleet
from services.cli.places import Places
from services.cli.publish import publish
from services.cli.roles import Role
from services.cli.settings import Settings

AGENT_FILE: Final = Path(__file__).with_name("agent.toml")
AGENT: Final = "echo"
CREWS: Final[dict[str, tuple[Role, ...]]] = {
    "gateway": ("gateway",),
    "stt": ("stt",),
    "dialog": ("dialog",),
    "voice": ("rag", "tts"),
    "projections": ("projections",),
}
EACH: Final = 2  # processes of a crew: one may be down


class Town(msgspec.Struct, kw_only=True):
    """What runs."""

    addresses: Addresses
    bus: Bus  # past all relays, for looking
    codec: Codec  # opens what the calls' processes sealed
    processes: dict[str, Serving]
    relays: dict[str, list[Relay]]  # by process: one to each nats-server

    def gateways(self) -> list[str]:
        """Those a load balancer would try: it does not see that one is paused."""
        crew = (p for p in self.processes.values() if p.url)
        return [p.url for p in crew if p.state in ("up", "paused")]

    def nats_names(self) -> list[str]:
        """The nats-servers, by the names of their pid files."""
        return sorted(file.stem for file in (self.addresses.data / "run").glob("nats*.pid"))

    def twin(self, name: str) -> Serving:
        """The other process of the same crew."""
        crew, _, number = name.rpartition("-")
        return self.processes[f"{crew}-{3 - int(number)}"]

    def kill_server(self, name: str) -> int:
        """SIGKILL for a server: its pid. The embedded stack starts it again."""
        pid = int((self.addresses.data / "run" / f"{name}.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        return pid


@asynccontextmanager
async def town(data: Path, nats_nodes: Literal[1, 3] = 1) -> AsyncIterator[Town]:
    """Everything up and the agent published, until the block is left."""
    async with AsyncExitStack() as stack:
        servers = embedded(data / "servers", nats_nodes=nats_nodes)
        addresses = await stack.enter_async_context(servers)
        bus = await connect(addresses.nats_url, name="chaos")
        stack.push_async_callback(bus.close)
        await create_streams(bus)
        await publish(bus, Settings().tenant, AGENT_FILE)
        ports = [urlsplit(url).port or 0 for url in addresses.nats_url.split(",")]
        relays = {
            name: [await stack.enter_async_context(relay(port)) for port in ports]
            for name in names()
        }
        crews = _crews(addresses, relays, data)
        processes = await stack.enter_async_context(fleet(crews, data / "processes"))
        codec = Codec(Vault(bus, read_master_key(addresses.data / NAME)))
        yield Town(addresses=addresses, bus=bus, codec=codec, processes=processes, relays=relays)


def names() -> list[str]:
    """The processes' names."""
    return [f"{crew}-{number}" for crew in CREWS for number in range(1, EACH + 1)]


def _crews(addresses: Addresses, relays: dict[str, list[Relay]], data: Path) -> Sequence[Crew]:
    secret = os.urandom(16).hex()
    common = {"token_secret": secret, "public_origin": "http://partyline.test"}
    common["busy_ms"] = "0"  # all callers are wanted, however slow the machine is
    return [
        Crew(
            name=name,
            roles=CREWS[name.rpartition("-")[0]],
            places=Places(
                nats=_through(addresses.nats_url, each),
                postgres=addresses.postgres_dsn,
                qdrant=str(data / "qdrant" / name),
                master_key=str(addresses.data / NAME),
            ),
            port=free_port() if name.startswith("gateway") else 0,
            settings=common,
        )
        for name, each in relays.items()
    ]


def _through(urls: str, relays: Sequence[Relay]) -> str:
    """The same servers by way of the relays."""
    return ",".join(map(_by_way_of, urls.split(","), relays))


def _by_way_of(url: str, relay: Relay) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{relay.port}"))
