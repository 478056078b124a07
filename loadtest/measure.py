"""The README's figures, measured: python -m loadtest.measure [--calls 1 10] [--json FILE]."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from infra.embedded import running
from infra.nats import connect, create_streams
from infra.postgres import connect_pool
from loadtest.callers import Heard, talk
from loadtest.proc import Cost, cost, family, folder_mib, steal_s
from services.cli.publish import publish
from services.cli.settings import Settings
from services.cli.up import GATEWAY_URL

SCENARIO: Final = Path(__file__).parent / "scenarios" / "scripted.toml"
_LATENCY: Final = (
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY row_ms),"
    " percentile_cont(0.99) WITHIN GROUP (ORDER BY row_ms) FROM timeline WHERE call = ANY($1)"
)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    calls: int
    turns: int
    lost_turns: int
    wait_added_ms: dict[str, float]  # p50, p99, max: less the configured silence
    late_frames: int  # agent audio that came after its place in time had passed
    caller_tick_late_p99_ms: float  # the callers' own lateness; above 10 the run is void
    steal_pct: float  # of the machine's time, taken by its hypervisor; above 5 the run is void
    cpu_s_per_call_min: dict[str, float]  # by program
    mib_at_peak: dict[str, float]  # resident, by program
    event_to_row_ms: dict[str, float]
    disk_mib_per_call_min: float


@asynccontextmanager
async def platform(data: Path) -> AsyncIterator[tuple[str, int]]:
    """`partyline up` as a process of its own: the gateway's address and the process id."""
    arguments = [sys.executable, "-m", "services.cli", "up", "--no-example", "--data", str(data)]
    child = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(60):
            while not (data / GATEWAY_URL).exists():
                if child.returncode is not None:
                    raise SystemExit("the platform did not start")
                await asyncio.sleep(0.05)
        yield (data / GATEWAY_URL).read_text(), child.pid
    finally:
        if child.returncode is None:
            os.kill(child.pid, signal.SIGTERM)
        await child.wait()


async def measure(calls: Sequence[int], turns: int) -> list[Figures]:
    """A run for each number of calls, on one platform."""
    with tempfile.TemporaryDirectory(prefix="partyline-load-") as folder:
        data = Path(folder) / "data"
        async with platform(data) as (url, pid):
            addresses = running(data)
            assert addresses is not None
            bus = await connect(addresses.nats_url, name="loadtest")
            await create_streams(bus)
            await publish(bus, Settings().tenant, SCENARIO)
            await bus.close()
            await talk(url, "scripted", 1, 1)  # warm: modules loaded, caches filled
            return [await _run(url, pid, data, addresses.postgres_dsn, n, turns) for n in calls]


async def _run(url: str, pid: int, data: Path, dsn: str, calls: int, turns: int) -> Figures:
    before, disk_before, steal_before = _costs(pid), folder_mib(data / "jetstream"), steal_s()
    started = time.monotonic()
    peak: dict[str, float] = {}
    sampling = asyncio.create_task(_sample(pid, peak))
    heard = await talk(url, "scripted", calls, turns)
    sampling.cancel()
    await asyncio.gather(sampling, return_exceptions=True)
    took_s = time.monotonic() - started
    after = _costs(pid)
    minutes = calls * took_s / 60
    waits = sorted(wait - _silence_ms() for wait in heard.waits_ms)
    disk = folder_mib(data / "jetstream") - disk_before
    return Figures(
        calls=calls,
        turns=len(heard.waits_ms),
        lost_turns=heard.lost_turns,
        wait_added_ms={"p50": _at(waits, 0.5), "p99": _at(waits, 0.99), "max": _at(waits, 1.0)},
        late_frames=heard.late_frames,
        caller_tick_late_p99_ms=_at(sorted(heard.tick_late_ms), 0.99),
        steal_pct=round((steal_s() - steal_before) / took_s / (os.cpu_count() or 1) * 100, 2),
        cpu_s_per_call_min={
            name: round((used.cpu_s - before.get(name, Cost(0, 0)).cpu_s) / minutes, 3)
            for name, used in after.items()
        },
        mib_at_peak={name: round(mib, 1) for name, mib in peak.items()},
        event_to_row_ms=await _latency(dsn, heard),
        disk_mib_per_call_min=round(disk / minutes, 3),
    )


def _costs(pid: int) -> dict[str, Cost]:
    found: dict[str, Cost] = {}
    for name, pids in family(pid).items():
        known = []
        for one in pids:
            try:
                known.append(cost(one))
            except ProcessLookupError:
                continue
        found[name] = Cost(sum(c.cpu_s for c in known), sum(c.rss_mib for c in known))
    return found


async def _sample(pid: int, peak: dict[str, float]) -> None:
    while True:
        for name, used in _costs(pid).items():
            peak[name] = max(peak.get(name, 0.0), used.rss_mib)
        await asyncio.sleep(1)


async def _latency(dsn: str, heard: Heard) -> dict[str, float]:
    pool = await connect_pool(dsn)
    try:
        row = await pool.fetchrow(_LATENCY, heard.calls)
    finally:
        await pool.close()
    return {"p50": round(row[0], 1), "p99": round(row[1], 1)} if row and row[0] else {}


def _silence_ms() -> int:
    turns = tomllib.loads(SCENARIO.read_text())["turns"]
    return int(turns["stop_ms"] + turns["silence_ms"])


def _at(values: list[float], share: float) -> float:
    return round(values[min(int(len(values) * share), len(values) - 1)], 1) if values else 0.0


def _table(figures: list[Figures]) -> Table:
    table = Table(title="Providers that cost no time; every figure at the caller's end")
    rows: list[tuple[str, list[Any]]] = [
        ("turns (lost)", [f"{f.turns} ({f.lost_turns})" for f in figures]),
        ("wait added p50 / p99 ms", [_pair(f.wait_added_ms) for f in figures]),
        ("late agent frames", [f.late_frames for f in figures]),
        ("event to row p50 / p99 ms", [_pair(f.event_to_row_ms) for f in figures]),
        ("CPU s per call-minute", [round(sum(f.cpu_s_per_call_min.values()), 2) for f in figures]),
        ("MiB resident, all", [round(sum(f.mib_at_peak.values())) for f in figures]),
        ("disk MiB per call-minute", [f.disk_mib_per_call_min for f in figures]),
        ("callers late p99 ms", [f.caller_tick_late_p99_ms for f in figures]),
        ("stolen %", [f.steal_pct for f in figures]),
    ]
    table.add_column("calls at a time")
    for each in figures:
        table.add_column(str(each.calls), justify="right")
    for name, cells in rows:
        table.add_row(name, *map(str, cells))
    return table


def _pair(values: dict[str, float]) -> str:
    return f"{values.get('p50', '?')} / {values.get('p99', '?')}"


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.measure", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--turns", type=int, default=8, help="turns of each call")
    parser.add_argument("--json", type=Path, help="write the figures there")
    given = parser.parse_args()
    figures = uvloop.run(measure(given.calls, given.turns))
    Console().print(_table(figures))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")


if __name__ == "__main__":
    main()
