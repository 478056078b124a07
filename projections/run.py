"""All projections in one process."""

import asyncio
import time
from collections.abc import Iterable
from typing import Final, Literal

import asyncpg

from contracts.codec import Codec
from infra.cancelling import end_tasks
from infra.nats import Bus
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.projection import Projection
from projections.runner import Runner

_LOOK_EVERY_S: Final = 0.005


async def run(
    bus: Bus,
    pool: Pool,
    projections: Iterable[Projection] = PROJECTIONS,
    *,
    stop: asyncio.Event,
    codec: Codec | None = None,
) -> None:
    """Keep the tables up with the log until `stop`; a batch half written then is undone.

    `pool` needs a connection for each projection.
    """
    stopping = asyncio.create_task(stop.wait())
    runners = {
        asyncio.create_task(Runner(each, bus, pool, codec).run(), name=f"projection {each.name}")
        for each in projections
    }
    try:
        await _until_stopped(stopping, set(runners))
    finally:
        await end_tasks([stopping, *runners])


async def _until_stopped(
    stopping: asyncio.Task[Literal[True]], runners: set[asyncio.Task[None]]
) -> None:
    """Raises what a runner fails with; one that another version has superseded just ends."""
    while not stopping.done():
        done, _ = await asyncio.wait([stopping, *runners], return_when=asyncio.FIRST_COMPLETED)
        for runner in runners & done:
            runners.discard(runner)
            runner.result()


async def caught_up(
    pool: Pool,
    sequence: int,
    projections: Iterable[Projection] = PROJECTIONS,
    *,
    within_s: float = 10.0,
) -> None:
    """Wait until each projection has taken in the message `sequence`. Raises TimeoutError."""
    names = [projection.name for projection in projections]
    deadline_s = time.monotonic() + within_s
    while behind := await _behind(pool, sequence, names):
        if time.monotonic() >= deadline_s:
            raise TimeoutError(f"not at {sequence} within {within_s:g} s: {', '.join(behind)}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _behind(pool: Pool, sequence: int, names: list[str]) -> list[str]:
    try:
        rows = await pool.fetch(
            "SELECT name FROM unnest($1::text[]) AS wanted (name)"
            " LEFT JOIN projection_positions USING (name) WHERE coalesce(position, -1) < $2",
            names,
            sequence,
        )
    except asyncpg.UndefinedTableError:  # no runner has ever been here
        return names
    return [row["name"] for row in rows]
