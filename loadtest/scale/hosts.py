"""What idle calls are held by: a nats-server and one process for each role that holds calls."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from contracts.agent import Agent
from contracts.codec import Codec
from contracts.event import AgentRef
from infra.agents import Agents
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.loopback_ports import free_port
from infra.master_key import NAME, make_master_key, read_master_key
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from infra.vault import Vault
from loadtest.proc import Cost, cost
from services.cli.agent_file import read_agent
from services.cli.fleet import Crew, Serving, fleet
from services.cli.places import Places
from services.cli.roles import Role
from services.cli.settings import Settings

HOLDING: Final[tuple[Role, ...]] = ("gateway", "stt", "dialog")
_AGENT: Final = Path(__file__).parents[1] / "agents" / "scripted.toml"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What runs."""

    data: Path
    nats_url: str
    nats_system_url: str
    bus: Bus  # the driver's own
    journal: NatsJournal
    agent: AgentRef
    crew: dict[str, Serving]  # by role
    room: int

    def costs(self) -> dict[str, Cost]:
        """Of each program now, by name."""
        known = {name: cost(each.pid) for name, each in self.crew.items() if each.state == "up"}
        return known | {"nats-server": cost(self.nats_pid)}

    @property
    def nats_pid(self) -> int:
        """Of the server."""
        return int((self.data / "run" / "nats.pid").read_text())


@asynccontextmanager
async def staged(folder: Path, room: int) -> AsyncIterator[Stage]:
    """A nats-server and a process for each role that holds calls, during the block.

    Args:   room: calls one process holds at most.
    Raises: ChildFailed, NotServing.
    """
    data = make_folders(folder)
    key = make_master_key(data)
    async with AsyncExitStack() as stack:
        server = NatsServer(data, "secret")
        await server.start()
        stack.push_async_callback(server.stop)
        bus = await connect(server.url, name="scale")
        stack.push_async_callback(bus.close)
        await create_streams(bus)
        agent = await _published(bus, read_agent(_AGENT))
        crews = [_crew(role, role, server.url, key, room) for role in HOLDING]
        processes = await stack.enter_async_context(fleet(crews, folder / "roles"))
        yield Stage(
            data=data,
            nats_url=server.url,
            nats_system_url=server.system_url,
            bus=bus,
            journal=NatsJournal(bus, Codec(Vault(bus, read_master_key(key)))),
            agent=agent,
            crew=processes,
            room=room,
        )


async def _published(bus: Bus, agent: Agent) -> AgentRef:
    return await Agents(bus).publish(Settings().tenant, agent)


def _crew(name: str, role: Role, url: str, key: Path, room: int) -> Crew:
    return Crew(
        name=name,
        roles=(role,),
        places=Places(nats=url, postgres="", qdrant="", master_key=str(key)),
        port=free_port() if role == "gateway" else 0,
        settings={"room": str(room)},
    )


@asynccontextmanager
async def another(stage: Stage, role: Role) -> AsyncIterator[Serving]:
    """A second process of a role during the block. Raises NotServing."""
    crew = _crew(f"another-{role}", role, stage.nats_url, stage.data / NAME, stage.room)
    async with fleet([crew], stage.data / "roles") as serving:
        yield serving[crew.name]
