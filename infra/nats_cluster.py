"""Three nats-servers on one data folder: any one may die, and the log goes on."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

from infra.children import READY_WITHIN_S, ChildFailed, NotReady, side_by_side
from infra.loopback_ports import free_ports, is_free, note_ports, previous_ports
from infra.nats_server import NatsServer, Node
from infra.nats_system import MetaGroup, leads

NODES: Final = 3
_AGAIN_S: Final = 0.05


class NatsCluster:
    """Stands where NatsServer stands. Every address is a list of all nodes, by commas."""

    def __init__(self, data: Path, password: str, port: int = 0) -> None:
        """`port`: the first node's; the others take the next ones. 0 as for NatsServer."""
        self._data, self._password = data, password
        self._ports = tuple(range(port, port + NODES)) if port else (0,) * NODES
        self._nodes: tuple[NatsServer, ...] = ()
        self._route_ports: tuple[int, ...] = ()

    @property
    def url(self) -> str:
        """For clients, with the credential."""
        return ",".join(node.url for node in self._nodes)

    @property
    def system_url(self) -> str:
        """For the servers' own account."""
        return ",".join(node.system_url for node in self._nodes)

    @property
    def servers(self) -> tuple[NatsServer, ...]:
        """All nodes."""
        return self._nodes

    async def start(self) -> None:
        """Return when all are durable and agree on a leader, some seconds later. ChildFailed."""
        noted = self._data / "nats.routes"
        self._join(previous_ports(noted, self._ports) or free_ports(NODES, self._ports))
        try:
            await side_by_side(*(node.start() for node in self._nodes))
        except ChildFailed:
            await self.stop()
            if all(is_free(port) for port in self._route_ports):
                raise
            self._join(free_ports(NODES, self._ports))  # somebody took one since we looked
            await side_by_side(*(node.start() for node in self._nodes))
        note_ports(noted, *self._route_ports)
        await self._agree()

    async def stop(self) -> None:
        """Returns when all processes are gone."""
        await side_by_side(*(node.stop() for node in self._nodes))

    def _join(self, route_ports: tuple[int, ...]) -> None:
        self._route_ports = route_ports
        self._nodes = tuple(
            NatsServer(self._data, self._password, port, node=Node(number, route_ports))
            for number, port in enumerate(self._ports, 1)
        )

    async def _agree(self) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                return await self._agreed()
        except TimeoutError:
            raise ChildFailed(
                f"{NODES} nats-servers found no leader: see logs/nats-*.log"
            ) from None

    async def _agreed(self) -> None:
        """Return when one leads, and the others have all it has."""
        while True:
            for node in self._nodes:
                with contextlib.suppress(NotReady):
                    group = await leads(node.system_url)
                    if group is not None and _is_whole(group):
                        return
            await asyncio.sleep(_AGAIN_S)


def _is_whole(group: MetaGroup) -> bool:
    followers = [peer for peer in group.replicas if peer.current and not peer.offline]
    return group.cluster_size == NODES and len(followers) == NODES - 1
