"""Stories written to a real log, and what the tables then hold."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import projections_in_a_process
from stories import Story, question_answered

from infra.journal import NatsJournal
from infra.nats import Bus
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.projection import Projection
from projections.run import run

ROOT = Path(__file__).parents[2]
Process = asyncio.subprocess.Process


async def append(bus: Bus, story: Story) -> int:
    """Store the story's messages. Returns the last one's stream sequence."""
    journal = NatsJournal(bus)
    last = 0
    for recorded in story.messages:
        stored = await journal.append(
            recorded.tenant,
            recorded.call,
            recorded.family,  # type: ignore[arg-type]
            recorded.message,
            id=f"{recorded.call}:{recorded.sequence}",
        )
        last = stored.sequence
    return last


async def append_calls(bus: Bus, calls: int, *, at_once: int = 20) -> tuple[list[Story], int]:
    """Finished calls, written side by side. Returns them and the log's last sequence."""
    stories = [question_answered() for _ in range(calls)]
    last = 0
    for start in range(0, calls, at_once):
        ends = await asyncio.gather(*(append(bus, s) for s in stories[start : start + at_once]))
        last = max(last, *ends)
    return stories, last


async def append_bytes(bus: Bus, story: Story, payload: bytes) -> int:
    """Store bytes that no contract covers in the story's call."""
    stored = await bus.js.publish(f"call.{story.messages[0].tenant}.{story.call}.line", payload)
    return stored.seq


@asynccontextmanager
async def running(
    bus: Bus,
    pool: Pool,
    projections: Iterable[Projection] = PROJECTIONS,
    *,
    rebuild_older: bool = True,
) -> AsyncIterator[None]:
    """The projections follow the log during the block."""
    stop = asyncio.Event()
    following = run(bus, pool, projections, stop=stop, rebuild_older=rebuild_older)
    task = asyncio.create_task(following)
    try:
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def running_in_a_process(
    nats_url: str, dsn: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """They follow the log in a process of their own; killed at the end if it still runs."""
    script = Path(projections_in_a_process.__file__)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, script, nats_url, dsn),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def tables(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """All rows of all projections, without the times that differ from run to run."""
    found = {}
    for projection in PROJECTIONS:
        for table in projection.tables:
            rows = await pool.fetch(f"SELECT * FROM {table.name} AS t ORDER BY t")
            left_out = {"visible_at", "row_ms"}
            found[table.name] = [
                {name: value for name, value in row.items() if name not in left_out} for row in rows
            ]
    return found
