"""Calls that were answered and greeted and then are silent: held and followed all the same."""

import asyncio
import time
from collections.abc import Awaitable, Iterable
from typing import Final, TypeVar

import msgspec
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from contracts.claim import Claim, Role
from contracts.ids import CallId, HostId, new_call_id
from contracts.line import LineAnswered, LineRang
from contracts.recorded import Message
from contracts.streams import CLAIMS, host_subject
from infra.claims import offer
from infra.nats_system import ask_traffic
from loadtest.scale.hosts import Stage
from services.cli.settings import Settings

CLAIMED: Final[tuple[Role, ...]] = ("stt", "dialog", "line")  # in this order by the gateway, too
AT_ONCE: Final = 16  # rings under way at a time
_WITHIN_S: Final = 600.0
_LOOK_S: Final = 0.05
_TENANT: Final = Settings().tenant
_GATEWAY: Final = HostId("scale")  # that has the lines
Done = TypeVar("Done")


class NotTaken(Exception):
    """Claims were left over. Says how many."""


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """What N calls cost that were held for a while."""

    calls: int
    taken_s: float  # from the first ring until every claim was held
    taken_cpu_ms: dict[str, float]  # by program, for each call
    mib_per_call: dict[str, float]  # by program, above what it held with no call
    watched_s: float  # then nothing happened for so long
    claim_msgs_per_s: float  # of each call: what the server was told, and told others
    cpu_us_per_call_s: dict[str, float]  # by program, microseconds in each second of a call


async def ring(stage: Stage, calls: int) -> list[CallId]:
    """Record so many calls and offer each to its hosts, as the gateway does that has their lines.

    Whoever watches over a line asks that gateway whether it still has it: it has, by our word.
    """
    await stage.bus.nc.subscribe(host_subject(_GATEWAY), cb=_still_held)
    rung = [new_call_id() for _ in range(calls)]
    await side_by_side((_ring(stage, call) for call in rung), AT_ONCE)
    return rung


async def held(stage: Stage, calls: int) -> None:
    """Wait until every claim of every role is in somebody's hands. Raises NotTaken."""
    deadline_s = time.monotonic() + _WITHIN_S
    while (left := calls * len(CLAIMED) - await in_hand(stage)) > 0:
        if time.monotonic() > deadline_s:
            raise NotTaken(f"{left} claims were not taken within {_WITHIN_S:g} s")
        await asyncio.sleep(_LOOK_S)


async def in_hand(stage: Stage) -> int:
    """Claims that were delivered and not yet given back."""
    return sum([await _pending(stage, role) for role in CLAIMED])


async def idle(stage: Stage, calls: int, watch_s: float) -> Idle:
    """Ring, wait until all are held, and watch them for a while. Raises NotTaken."""
    empty, began_s = stage.costs(), time.monotonic()
    await ring(stage, calls)
    await held(stage, calls)
    taken_s = time.monotonic() - began_s
    before, traffic, from_s = stage.costs(), await ask_traffic(stage.nats_system_url), _now()
    await asyncio.sleep(watch_s)
    after, later, watched_s = stage.costs(), await ask_traffic(stage.nats_system_url), _now()
    watched_s -= from_s
    msgs = later.in_msgs + later.out_msgs - traffic.in_msgs - traffic.out_msgs
    return Idle(
        calls=calls,
        taken_s=round(taken_s, 2),
        taken_cpu_ms={
            name: round((each.cpu_s - empty[name].cpu_s) / calls * 1000, 2)
            for name, each in before.items()
        },
        mib_per_call={
            name: round((each.rss_mib - empty[name].rss_mib) / calls, 4)
            for name, each in after.items()
        },
        watched_s=round(watched_s, 1),
        claim_msgs_per_s=round(msgs / watched_s / calls, 2),
        cpu_us_per_call_s={
            name: round((each.cpu_s - before[name].cpu_s) / watched_s / calls * 1e6, 1)
            for name, each in after.items()
        },
    )


async def side_by_side(work: Iterable[Awaitable[Done]], at_once: int) -> list[Done]:
    """All of it, so many at a time."""
    room = asyncio.Semaphore(at_once)

    async def one(each: Awaitable[Done]) -> Done:
        async with room:
            return await each

    return await asyncio.gather(*(one(each) for each in work))


async def _still_held(asked: Msg) -> None:
    await asked.respond(b" ".join(b"held" for _ in asked.data.split()))


async def _ring(stage: Stage, call: CallId) -> None:
    now_ms = time.time_ns() // 1_000_000
    rang = LineRang(at_ms=now_ms, carrier="loopback", carrier_call=call, agent=stage.agent)
    await stage.journal.codec.begin(call)
    rung = await _append(stage, call, Message(by=_GATEWAY, events=(rang,)), after=0)
    answered = LineAnswered(at_ms=now_ms, stream=call)
    await _append(stage, call, Message(by=_GATEWAY, events=(answered,), epoch=1), after=rung)
    for role in CLAIMED:
        claim = Claim(tenant=_TENANT, call=call, role=role, agent=stage.agent, rang_ms=now_ms)
        await offer(stage.bus, claim)


async def _append(stage: Stage, call: CallId, message: Message, after: int) -> int:
    id = f"{call}:{after}"
    stored = await stage.journal.append(_TENANT, call, "line", message, id=id, after=after)
    return stored.sequence


async def _pending(stage: Stage, role: Role) -> int:
    try:
        info = await stage.bus.js.consumer_info(CLAIMS.name, f"claims-{role}")
    except NotFoundError:  # no host of this role has come yet
        return 0
    return info.num_ack_pending or 0


def _now() -> float:
    return time.monotonic()
