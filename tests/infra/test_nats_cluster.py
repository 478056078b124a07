"""What three nats-servers on one folder promise, and what they refuse."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from eventually import eventually_async

from contracts.streams import AUDIO, STREAMS
from infra.children import NotReady, side_by_side
from infra.data_folder import make_folders
from infra.embedded import Addresses, MadeForOtherNodes, embedded, running
from infra.loopback_ports import free_port, free_ports
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer, Node, assert_durable
from infra.nats_system import leads
from projections.canary import canary_if_silent
from projections.reading import extent

pytestmark = pytest.mark.stack


def _ports(addresses: Addresses) -> list[int]:
    return [int(url.rpartition(":")[2]) for url in addresses.nats_url.split(",")]


def _route_ports(addresses: Addresses) -> list[int]:
    return [int(port) for port in (addresses.data / "nats.routes").read_text().split()]


async def test_all_three_sync_to_disk_and_one_leads(three_nodes: Addresses) -> None:
    assert len(set(_ports(three_nodes) + _route_ports(three_nodes))) == 6
    assert running(three_nodes.data) == three_nodes
    await assert_durable(three_nodes.nats_system_url)
    groups = [await leads(url) for url in three_nodes.nats_system_url.split(",")]
    (group,) = filter(None, groups)
    assert group.cluster_size == 3
    assert len({peer.name for peer in group.replicas} | {group.leader}) == 3


async def test_none_is_left_out_when_they_are_asked_whether_they_sync(
    three_nodes: Addresses,
) -> None:
    lost = "nats://system:secret@127.0.0.1:1"
    with pytest.raises(NotReady):
        await assert_durable(f"{three_nodes.nats_system_url},{lost}")


def test_only_who_has_the_credential_becomes_a_node_and_only_on_this_machine(
    three_nodes: Addresses,
) -> None:
    for port in _route_ports(three_nodes):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
            stranger.sendall(b'CONNECT {"user":"route","pass":"guess","name":"x"}\r\nPING\r\n')
            assert b"Authorization Violation" in stranger.makefile("rb").read()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.2", port)) != 0
    for number in (1, 2, 3):
        config = three_nodes.data / f"nats-{number}.json"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600


async def test_each_stream_has_three_copies_and_audio_one_even_for_who_asks_for_fewer(
    three_nodes: Addresses,
) -> None:
    bus = await connect(three_nodes.nats_url, name="test")
    await create_streams(bus)
    await create_streams(bus, replicas=1)
    configs = [(await bus.js.stream_info(stream.name)).config for stream in STREAMS]
    await bus.close()
    copies = {config.name: config.num_replicas for config in configs}
    assert copies == {stream.name: 3 if stream is not AUDIO else 1 for stream in STREAMS}


async def test_of_many_who_look_at_the_same_time_one_sends_a_canary(
    three_nodes: Addresses,
) -> None:
    buses = [await connect(three_nodes.nats_url, name=f"test {n}") for n in range(3)]
    await create_streams(buses[0])
    for _ in range(3):
        last = (await extent(buses[0])).last
        ends = await asyncio.gather(*(canary_if_silent(bus, last) for bus in buses * 5))
        assert last + 1 in ends
        assert (await extent(buses[0])).last == last + 1
    for bus in buses:
        await bus.close()


@pytest.mark.parametrize(("store", "nodes", "before"), [("jetstream", 3, 1), ("jetstream-1", 1, 3)])
async def test_a_log_is_not_opened_by_another_number_of_nodes(
    tmp_path: Path, store: str, nodes: Literal[1, 3], before: int
) -> None:
    (tmp_path / store).mkdir()
    (tmp_path / store / "jetstream").write_text("a log")
    with pytest.raises(MadeForOtherNodes, match=f"--nats-nodes {before}"):
        async with embedded(tmp_path, nats_nodes=nodes):
            pytest.fail("an empty log in place of the one there is")
    assert (tmp_path / store / "jetstream").read_text() == "a log"
    assert _stores(tmp_path) == [store]
    assert running(tmp_path) is None


def _stores(data: Path) -> list[str]:
    return [path.name for path in data.glob("jetstream*")]


def test_a_port_that_somebody_is_about_to_take_is_not_free() -> None:
    assert 31_990 <= free_port(besides=range(20_000, 31_990)) < 32_000


async def test_clients_are_not_sent_to_a_port_the_nodes_find_each_other_by(tmp_path: Path) -> None:
    data, routes = make_folders(tmp_path), free_ports(3)
    (data / "nats-1.port").write_text(str(routes[0]))  # its port for clients before
    node = NatsServer(data, "secret", node=Node(1, routes))
    await node.start()
    assert int(node.url.rpartition(":")[2]) not in routes
    await node.stop()


class Advertising(NatsServer):
    """Tells its clients where the others are, as the clusters of other people do."""

    def _configure(self, port: int) -> None:
        super()._configure(port)
        file = Path(self.child.program.mark)
        config = msgspec.json.decode(file.read_bytes())
        file.write_bytes(msgspec.json.encode(config | {"cluster": self._advertising(config)}))

    def _advertising(self, config: dict[str, Any]) -> dict[str, Any]:
        return {**config["cluster"], "no_advertise": False}


@pytest.fixture
async def just_started(tmp_path: Path) -> AsyncIterator[list[Advertising]]:
    """Three nodes that have yet to find each other."""
    data, routes = make_folders(tmp_path), free_ports(3)
    nodes = [Advertising(data, "secret", node=Node(number, routes)) for number in (1, 2, 3)]
    try:
        await side_by_side(*(node.start() for node in nodes))
        yield nodes
    finally:
        await side_by_side(*(node.stop() for node in nodes))


async def test_streams_are_made_though_the_nodes_have_yet_to_agree(
    just_started: list[Advertising],
) -> None:
    bus = await connect(just_started[0].url, name="test")
    await create_streams(bus)
    assert (await bus.js.stream_info("CALLS")).config.num_replicas == 3
    await bus.close()


async def test_streams_are_brought_up_to_date_though_the_node_that_keeps_audio_is_away(
    just_started: list[Advertising], caplog: pytest.LogCaptureFixture
) -> None:
    bus = await connect(",".join(node.url for node in just_started), name="test")
    await create_streams(bus)
    keeper = (await bus.js.stream_info(AUDIO.name)).cluster
    assert keeper is not None
    assert keeper.leader is not None
    await just_started[int(keeper.leader[-1]) - 1].stop()
    await create_streams(bus)
    assert "stream AUDIO is away" in caplog.text
    assert (await bus.js.stream_info("CALLS")).config.num_replicas == 3
    await bus.close()


async def test_a_client_that_knows_one_node_moves_to_those_it_is_told_of(
    just_started: list[Advertising],
) -> None:
    first = just_started[0]
    bus = await connect(first.url, name="test")
    await eventually_async(partial(_knows_others, bus))
    back = asyncio.Event()

    async def on_reconnect() -> None:
        back.set()

    bus.on_reconnect(on_reconnect)
    await first.stop()
    async with asyncio.timeout(10):
        await back.wait()
        await bus.nc.flush()
    await bus.close()


async def _knows_others(bus: Bus) -> bool:
    return len(bus.nc.discovered_servers) >= 2
