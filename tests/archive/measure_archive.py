"""What archiving costs: python tests/archive/measure_archive.py [--calls N] [--json FILE].

Made-up calls on a nats-server of its own: archived to a folder, read back one by one and all; how
long an append waits meanwhile; and what letting go costs behind an older call that stays.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

import msgspec
from archive_house import DAY_MS, House, house

from contracts import line
from contracts.ids import TenantId, new_call_id
from infra.archive import open_archive
from infra.archive.outcome import Outcome
from infra.archive.reading import Archive
from loadtest.generating import generate

TENANT = TenantId("main")


async def timed(work: Awaitable[Any]) -> tuple[Any, float]:
    began_s = time.perf_counter()
    return await work, time.perf_counter() - began_s


async def read_all(archive: Archive) -> int:
    return sum([len(c.history) async for s in archive.segments() async for c in s.calls()])


async def appends_beside(town: House, work: Awaitable[Any]) -> tuple[Any, list[float]]:
    """The work's result, and the milliseconds each append of a live call took meanwhile."""
    call, waits = new_call_id(), list[float]()

    async def append() -> None:
        while True:
            began_s = time.perf_counter()
            digit = line.DigitPressed(at_ms=1, digit="5")
            await town.store(TenantId("live"), call, "line", digit)
            waits.append((time.perf_counter() - began_s) * 1000)
            await asyncio.sleep(0.005)

    appending = asyncio.create_task(append())
    result = await work
    appending.cancel()
    return result, waits


async def in_a_process(town: House, folder: Path) -> Outcome:
    """Archive as the projections role does: beside, at low priority."""
    told = (town.url, str(folder), str(town.now_ms), "never")
    program = str(Path(__file__).with_name("archiver_process.py"))
    archiver = await asyncio.create_subprocess_exec(
        "nice", sys.executable, program, *told, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await archiver.communicate()
    return msgspec.json.decode(said, type=Outcome)


def spread(waits_ms: list[float]) -> dict[str, float]:
    cuts = quantiles(waits_ms, n=100)
    return {"p50_ms": cuts[49], "p99_ms": cuts[98], "max_ms": max(waits_ms)}


async def measure(town: House, calls: int, folder: Path) -> dict[str, Any]:
    made = await generate(town.bus, calls, 7, tenants=(TENANT,), distinct=min(calls, 300))
    archive = open_archive(str(folder))
    town.now_ms = time.time() * 1000 + 2 * DAY_MS
    alone = [(await timed(append(town)))[1] * 1000 for _ in range(300)]
    done, waits = await appends_beside(town, in_a_process(town, folder))
    ids = await archive.calls(TENANT)
    fresh = open_archive(str(folder))
    ones = [(await timed(fresh.read(TENANT, call)))[1] * 1000 for call in ids[:: len(ids) // 100]]
    count, all_s = await timed(read_all(open_archive(str(folder))))
    assert count >= made.messages
    return {
        "calls": done.calls,
        "messages": done.messages,
        "archive_messages_per_s": done.messages / done.took_s,
        "archive_mb_per_s": done.raw_bytes / done.took_s / 1e6,
        "ratio": done.raw_bytes / done.bytes,
        "bytes_per_call": done.bytes / done.calls,
        "deleted": done.deleted,
        "append_alone": spread(alone),
        "append_meanwhile": spread(waits),
        "read_one": spread(ones),
        "read_all_messages_per_s": count / all_s,
    }


async def append(town: House) -> None:
    await town.store(TenantId("live"), CALL, "line", line.DigitPressed(at_ms=1, digit="5"))


CALL = new_call_id()


async def measure_holes(town: House, calls: int, folder: Path) -> dict[str, Any]:
    """An older call stays, so each call goes by its subjects."""
    await append(town)
    await generate(town.bus, calls, 8, tenants=(TENANT,), distinct=min(calls, 300))
    town.now_ms = time.time() * 1000 + DAY_MS
    archive = open_archive(str(folder))
    await town.archive_and_die_before_purging(archive, older_than=0.5)
    done, waits = await appends_beside(town, in_a_process(town, folder))
    _, restart_s = await timed(town.restart_server())
    return {
        "let_go": done.let_go,
        "deleted": done.deleted,
        "ms_per_call": done.took_s * 1000 / calls,
        "append_meanwhile": spread(waits),
        "server_restart_s": restart_s,
    }


async def in_a_house(work: Callable[[House, int, Path], Awaitable[Any]], calls: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder)) as town:
            return await work(town, calls, Path(folder) / "archive")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    figures = {
        "archive": await in_a_house(measure, told.calls),
        "holes": await in_a_house(measure_holes, told.calls),
    }
    text = msgspec.json.format(msgspec.json.encode(figures), indent=1)
    sys.stdout.write(text.decode() + "\n")
    if told.json:
        told.json.write_bytes(text)


if __name__ == "__main__":
    asyncio.run(main())
