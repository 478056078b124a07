"""One run: a system that is up, callers from other processes, and meters on both."""

import asyncio
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from loadtest.load.accounting import Ran, figures
from loadtest.load.cores import CORES, on
from loadtest.load.crowd import READY, Group, Outcome, Task
from loadtest.load.drift import looking
from loadtest.load.faults import inflicting
from loadtest.load.figures import Figures, judged
from loadtest.load.heard import together
from loadtest.load.hops import hops
from loadtest.load.log import position, turns_after
from loadtest.load.meter import Meter, Work, pythons, used, work
from loadtest.load.profile import profile
from loadtest.load.sampling import sampling
from loadtest.load.scenario import Manner, Scenario, Strangers
from loadtest.load.systems import System
from loadtest.load.verified import verified

_LEAD_S: Final = 0.5  # for callers that have come up to take their places
_CALLS_A_PROCESS: Final = 250  # what one keeps time with
_WARM: Final = Scenario(about="modules are loaded and caches filled", length_s=2.0, calls=2)


class CallersFailed(Exception):
    """A process of callers broke. Its own words are above."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How a scenario is to be run."""

    name: str
    scenario: Scenario
    calls: int
    length_s: float
    seed: int = 1
    verify: bool = False  # read the whole log afterwards, and all tables
    profile: bool = False  # look at what its Python processes do
    processes: int = 0  # of callers; 0: as many as keep time


async def warm(system: System) -> None:
    """A few calls that do not count."""
    wanted = Wanted(name="", scenario=_WARM, calls=2, length_s=2.0)
    async with _callers(_processes(wanted)) as callers:
        await _crowd(callers, _tasks(system, wanted, time.monotonic() + _LEAD_S))


async def run(system: System, wanted: Wanted) -> Figures:
    """Have all callers call, and account for it. Raises CallersFailed, CannotSample."""
    begun_s, newest = time.time(), await _newest(system)
    meter, before = Meter(system.roots), await _work(system, begun_s)
    spied = sampling(pythons(system.roots) if wanted.profile else {})
    ready, watched = _callers(_processes(wanted)), looking(system.addresses)
    async with ready as callers, watched as sizes, spied as stacks, meter.running():
        begin_s = time.monotonic() + _LEAD_S
        async with inflicting(system, wanted.scenario.faults, begin_s) as seen:
            outcomes = await _crowd(callers, _tasks(system, wanted, begin_s))
    ran = Ran(
        heard=together(each.heard for each in outcomes),
        strange=together(each.strange for each in outcomes),
        samples=meter.samples,
        before=before,
        after=await _work(system, begun_s),
        streams=sizes,
    )
    found = figures(system.name, wanted.name, wanted.calls, system.silence_ms, ran)
    found = await _hop_by_hop(found, system, newest)
    found = replace(
        found,
        profile=profile(used(ran.samples), stacks, found.frames, found.appends) if stacks else (),
        faults=tuple(seen.done),
        tables_behind_s=seen.tables_behind_s,
        parked=seen.parked,
    )
    if wanted.verify and system.addresses:
        found = await verified(found, system.addresses)
    return replace(found, broken=judged(found, wanted.scenario.must))


async def _newest(system: System) -> int:
    return await position(system.addresses) if system.addresses else 0


async def _hop_by_hop(found: Figures, system: System, after: int) -> Figures:
    """The figures, with what the log says of its turns."""
    if not system.addresses:
        return found
    turns = await turns_after(system.addresses, after)
    known = hops(turns.whole(), system.stop_ms, system.silence_ms)
    return replace(
        found,
        hops_ms=known.hops_ms,
        waterfalls=known.waterfalls,
        appends=turns.messages,
        appends_per_call_min=round(turns.messages / max(found.call_min, 1e-3), 1),
        append_bytes=round(turns.bytes / max(turns.messages, 1)),
    )


async def _work(system: System, since_s: float) -> Work | None:
    return await work(system.addresses, since_s) if system.addresses else None


@asynccontextmanager
async def _callers(processes: int) -> AsyncIterator[list[Process]]:
    """Processes of callers that have come up, however long that takes."""
    async with AsyncExitStack() as stack:
        entering = (stack.enter_async_context(_process()) for _ in range(processes))
        yield await asyncio.gather(*entering)


@asynccontextmanager
async def _process() -> AsyncIterator[Process]:
    with on(CORES.callers):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loadtest.load.crowd"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
    try:
        assert child.stdout is not None
        if await child.stdout.readline() != READY:
            raise CallersFailed("A process of callers did not come up, see above.")
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def _crowd(callers: list[Process], tasks: list[Task]) -> list[Outcome]:
    return await asyncio.gather(*map(_outcome, callers, tasks))


async def _outcome(child: Process, task: Task) -> Outcome:
    said, _ = await child.communicate(msgspec.json.encode(task))
    if child.returncode:
        raise CallersFailed("A process of callers ended by itself, see above.")
    return msgspec.json.decode(said, type=Outcome)


def _processes(wanted: Wanted) -> int:
    """How many callers' processes it takes."""
    strangers = sum(group.count for group in wanted.scenario.strangers)
    needed = -(-max(wanted.calls, strangers // 4, 1) // _CALLS_A_PROCESS)
    return wanted.processes or needed


def _tasks(system: System, wanted: Wanted, begin_s: float) -> list[Task]:
    """The callers, spread over processes."""
    processes = _processes(wanted)
    guests = _guests(wanted, begin_s)
    return [
        Task(
            ring_url=system.ring_url,
            reply_ms=system.reply_ms,
            seed=wanted.seed * 1_000 + place,
            guests=_share(guests, place, processes),
            strangers=tuple(
                _share(_strange(group, begin_s, wanted.length_s), place, processes)
                for group in wanted.scenario.strangers
            ),
        )
        for place in range(processes)
    ]


def _guests(wanted: Wanted, begin_s: float) -> Group:
    """When each rings and hangs up; in waves, all of them each time."""
    scenario, wave_s = wanted.scenario, wanted.length_s / wanted.scenario.waves
    arrive_s = min(scenario.arrive_s, wave_s)
    times = [
        (begin_s + wave * wave_s + place / max(wanted.calls, 1) * arrive_s, wave)
        for wave in range(scenario.waves)
        for place in range(wanted.calls)
    ]
    last = scenario.waves - 1
    ends = [begin_s + (wave + (1.0 if wave == last else 0.75)) * wave_s for _, wave in times]
    return _group(scenario.manner, [at_s for at_s, _ in times], ends)


def _strange(strangers: Strangers, begin_s: float, length_s: float) -> Group:
    every_s = strangers.arrive_s / max(strangers.count, 1)
    times = [begin_s + place * every_s for place in range(strangers.count)]
    group = _group(strangers.manner, times, [begin_s + length_s] * strangers.count)
    return replace(group, agent=strangers.agent)


def _group(manner: Manner, ring_at_s: list[float], until_s: list[float]) -> Group:
    return Group(manner=manner, ring_at_s=tuple(ring_at_s), until_s=tuple(until_s))


def _share(group: Group, place: int, processes: int) -> Group:
    """Every so many-th caller."""
    picked = slice(place, None, processes)
    return replace(group, ring_at_s=group.ring_at_s[picked], until_s=group.until_s[picked])
