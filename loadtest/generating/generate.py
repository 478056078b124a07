"""A seed becomes calls, and calls become messages in a log."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from random import Random
from types import MappingProxyType
from typing import Final

import msgspec

from contracts.codec import Codec
from contracts.event import AgentRef
from contracts.ids import AgentId, TenantId
from infra.agents import Agents
from infra.nats import Bus
from loadtest.generating.call import hold
from loadtest.generating.history import History, Placing
from loadtest.generating.houses import houses
from loadtest.generating.mixing import Next, mixed
from loadtest.generating.times import call_id, rings
from loadtest.generating.writing import BATCH, batches

TENANTS: Final = (TenantId("main"),)
UNTIL_MS: Final = 1_767_225_600_000  # 2026-01-01: a time for those who need none in particular
_HOUSES: Final = ("dentist", "dentist", "dentist", "werkstatt", "werkstatt", "hotel", "reminder")

Revisions = Mapping[tuple[TenantId, str], int]
"""Of the houses' agents, by tenant and name."""
NEWBORN: Final[Revisions] = MappingProxyType({})
Progress = Callable[["Generated"], None]


class Generated(msgspec.Struct, kw_only=True):
    """What was written so far."""

    calls: int = 0  # begun
    messages: int = 0
    events: int = 0
    seconds: float = 0.0
    last: int = 0  # stream sequence of the newest message

    def count(self, stored: Sequence[Next], seconds: float, last: int) -> None:
        """So much more is there."""
        self.calls += sum(each.place == 0 for each in stored)
        self.messages += len(stored)
        self.events += sum(len(each.told.message.events) for each in stored)
        self.seconds, self.last = seconds, last


def histories(
    seed: int,
    calls: int,
    *,
    tenants: Sequence[TenantId] = TENANTS,
    until_ms: int = UNTIL_MS,
    days: float = 7.0,
    revisions: Revisions = NEWBORN,
) -> Iterator[History]:
    """So many calls in the order in which they rang. Pure: the same is given for the same.

    Args: until_ms: UNIX time before which all end; days: before that, in which they ring;
          revisions: that hold the calls; 1 for an agent that is not among them.
    """
    rang = rings(Random(f"{seed} rings"), calls, until_ms, days)
    for number in sorted(range(calls), key=rang.__getitem__):
        yield _held(seed, number, tenants, rang[number], revisions)


async def publish_agents(bus: Bus, tenants: Iterable[TenantId] = TENANTS) -> Revisions:
    """Publish the houses' agents, where their newest revisions are not just these."""
    agents = Agents(bus)
    return {
        (tenant, name): (await agents.publish(tenant, house.agent)).revision
        for tenant in tenants
        for name, house in houses().items()
    }


async def generate(
    bus: Bus,
    calls: int,
    seed: int,
    *,
    tenants: Sequence[TenantId] = TENANTS,
    until_ms: int = UNTIL_MS,
    days: float = 7.0,
    distinct: int = 0,
    at_once: int = 20,
    codec: Codec | None = None,
    progress: Progress = lambda _: None,
) -> Generated:
    """Publish the agents and write the calls, mixed as `at_once` calls that go on side by side.

    The more others write to the log meanwhile, the more often a part is made anew.

    Args:   distinct: so many calls are made up, and further ones are the same again under other
            ids, times included; 0: each is made up.
    Raises: NotWritten; what nats-py raises when the server is away.
    """
    revisions = await publish_agents(bus, tenants)
    made_up = histories(
        seed,
        min(distinct or calls, calls),
        tenants=tenants,
        until_ms=until_ms,
        days=days,
        revisions=revisions,
    )
    codec, done, began_s = codec or Codec(), Generated(), time.perf_counter()
    placing = _placing(_repeated(made_up, calls, repeat=0 < distinct < calls), seed, codec)
    due = mixed(placing, at_once)
    async with batches(bus, codec) as writer:
        batch = list(islice(due, BATCH))
        while batch:
            await writer.send([each.call for each in batch])
            following = list(islice(due, BATCH))  # is made up while the server stores
            await writer.settle()
            done.count(batch, time.perf_counter() - began_s, writer.last)
            progress(done)
            batch = following
    return done


def _held(
    seed: int, number: int, tenants: Sequence[TenantId], rang_ms: int, revisions: Revisions
) -> History:
    random = Random(f"{seed} {number}")
    house = houses()[random.choice(_HOUSES)]
    tenant = random.choice(tenants)
    revision = revisions.get((tenant, house.agent.name), 1)
    agent = AgentRef(agent=AgentId(house.agent.name), revision=revision)
    return hold(number, house, agent, tenant, random, rang_ms)


def _repeated(made_up: Iterator[History], calls: int, *, repeat: bool) -> Iterator[History]:
    return islice(cycle(made_up), calls) if repeat else made_up


def _placing(held: Iterable[History], seed: int, codec: Codec) -> Iterator[Placing]:
    ids = Random(f"{seed} ids")
    return (Placing(history, call_id(history.rang_ms, ids), codec) for history in held)
