"""Hundreds of calls whose appends are lost, delayed, doubled and cut, each by its own seed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from flaky_owners import lone_owners, rivals

from infra.embedded import Addresses
from infra.nats import Bus, connect, create_streams

LANES = 16  # connections at a time


@pytest.fixture
async def direct(nats_url: str) -> AsyncIterator[Bus]:
    bus = await connect(nats_url, name="direct")
    await create_streams(bus)
    yield bus
    await bus.close()


@pytest.fixture
async def direct_to_three(three_nodes: Addresses) -> AsyncIterator[Bus]:
    bus = await connect(three_nodes.nats_url, name="direct")
    await create_streams(bus, replicas=3)
    yield bus
    await bus.close()


def node_of(addresses: Addresses, lane: int) -> str:
    """One node's address: each lane has its connection to one of them."""
    nodes = addresses.nats_url.split(",")
    return nodes[lane % len(nodes)]


async def test_a_lone_owners_appends_are_stored_once_where_it_was_told(
    nats_url: str, direct: Bus
) -> None:
    lanes = (lone_owners(nats_url, direct, lane, calls=25, appends=6) for lane in range(LANES))
    await asyncio.gather(*lanes)


async def test_two_owners_never_both_believe_to_own_a_place(nats_url: str, direct: Bus) -> None:
    lanes = (rivals(nats_url, direct, lane, calls=15, appends=6) for lane in range(LANES))
    await asyncio.gather(*lanes)


async def test_on_three_nodes_a_lone_owners_appends_are_stored_once_where_it_was_told(
    three_nodes: Addresses, direct_to_three: Bus
) -> None:
    lanes = (
        lone_owners(node_of(three_nodes, lane), direct_to_three, lane, calls=15, appends=6)
        for lane in range(LANES)
    )
    await asyncio.gather(*lanes)


async def test_on_three_nodes_two_owners_never_both_believe_to_own_a_place(
    three_nodes: Addresses, direct_to_three: Bus
) -> None:
    lanes = (
        rivals(node_of(three_nodes, lane), direct_to_three, lane, calls=10, appends=6)
        for lane in range(LANES)
    )
    await asyncio.gather(*lanes)
