"""What creeps in a long run: waits by quarters of it, and how large the streams are. Pure but for
the asking."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import nats.errors

from contracts.streams import STREAMS
from infra.beside import beside
from infra.embedded import Addresses
from infra.nats import Bus, connect
from loadtest.load.heard import Timed
from loadtest.load.spread import Spread, spread

_EVERY_S: Final = 5.0
_PARTS: Final = 4


class Sizes(NamedTuple):
    """One look at all streams."""

    at_s: float  # monotonic seconds
    mib: Mapping[str, float]  # by stream


def quarters(waits: Sequence[Timed], silence_ms: int) -> tuple[Spread, ...]:
    """The waits added in each quarter of the time in which there were any."""
    if not waits:
        return ()
    first_s = min(wait.at_s for wait in waits)
    part_s = (max(wait.at_s for wait in waits) - first_s) / _PARTS or 1.0
    parts: list[list[float]] = [[] for _ in range(_PARTS)]
    for wait in waits:
        part = min(int((wait.at_s - first_s) / part_s), _PARTS - 1)
        parts[part].append(wait.ms - silence_ms)
    return tuple(map(spread, parts))


def streams(seen: Sequence[Sizes]) -> dict[str, Any]:
    """The streams' sizes at the end of a run, and a line through the second half of a long one."""
    settled = seen[len(seen) // 2 :]
    if not settled:
        return {}
    sizes = {"stream_mib": {name: round(mib, 3) for name, mib in seen[-1].mib.items()}}
    if len(settled) < 2:
        return sizes
    return sizes | {
        "stream_mib_per_min": {
            name: round(slope([(each.at_s / 60, each.mib[name]) for each in settled]), 3)
            for name in seen[-1].mib
        },
    }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of a straight line through points, by least squares; 0.0 where they are at one place."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    apart = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / apart if apart else 0.0


@asynccontextmanager
async def looking(addresses: Addresses | None) -> AsyncIterator[list[Sizes]]:
    """Ask for the streams' sizes every few seconds during the block, and at its ends."""
    seen: list[Sizes] = []
    if addresses is None:
        yield seen
        return
    bus = await connect(addresses.nats_url, name="streams' sizes")
    try:
        async with beside(_go_on(bus, seen)):
            yield seen
        await _look(bus, seen)
    finally:
        await bus.close()


async def _go_on(bus: Bus, seen: list[Sizes]) -> None:
    while True:
        await _look(bus, seen)
        await asyncio.sleep(_EVERY_S)


async def _look(bus: Bus, seen: list[Sizes]) -> None:
    with contextlib.suppress(nats.errors.Error, TimeoutError):  # the server may just be paused
        infos = [await bus.js.stream_info(each.name) for each in STREAMS]
        mib = {info.config.name or "": info.state.bytes / 2**20 for info in infos}
        seen.append(Sizes(time.monotonic(), mib))
