"""Load: python -m loadtest.load SCENARIO [--calls N ...] [--peer pipecat] [--json FILE]."""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from loadtest.load.cores import CORES, move
from loadtest.load.figures import Figures
from loadtest.load.page import page
from loadtest.load.peer import PEERS, NoPeer, pipecat
from loadtest.load.profile_table import tables as profile_tables
from loadtest.load.report import report, table, write
from loadtest.load.run import CallersFailed, Wanted, run, warm
from loadtest.load.sampling import CannotSample
from loadtest.load.scenario import NoScenario, Scenario, names, read
from loadtest.load.systems import DidNotStart, System, partyline
from loadtest.load.waterfall import table as hop_table
from services.cli.settings import variable

_out: Final = Console()
_err: Final = Console(stderr=True)


async def measured(given: argparse.Namespace) -> list[Figures]:
    """All runs, one after the other: each system with each number of calls, then the next."""
    scenario = read(given.scenario)
    found = []
    for name in ["partyline", *given.peer]:
        async with _system(name, given, scenario) as system:
            await warm(system)
            for calls in given.calls or [scenario.calls]:
                wanted = _wanted(name, given, scenario, calls)
                with _err.status(f"{name}: {calls} calls for {wanted.length_s:g} s"):
                    found.append(await run(system, wanted))
    return found


@asynccontextmanager
async def _system(
    name: str, given: argparse.Namespace, scenario: Scenario
) -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory(prefix="partyline-load-") as folder:
        if name == "partyline":
            data = Path(folder) / "data"
            async with partyline(
                data, apart=given.apart or scenario.apart, voice=given.voice
            ) as system:
                yield system
        else:
            async with pipecat(Path(folder)) as system:
                yield system


def _wanted(name: str, given: argparse.Namespace, scenario: Scenario, calls: int) -> Wanted:
    return Wanted(
        name=given.scenario,
        scenario=scenario,
        calls=calls,
        length_s=given.length or scenario.length_s,
        seed=given.seed,
        processes=given.processes,
        verify=given.verify,
        profile=given.profile and name == "partyline",
    )


def _parser() -> argparse.ArgumentParser:
    known = "\n".join(f"  {name:<16} {read(name).about}" for name in names())
    parser = argparse.ArgumentParser(
        prog="just load",
        description=f"Callers in real time, and what they cost. Scenarios:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="?", default="steady")
    parser.add_argument("--calls", type=int, nargs="+", help="at a time; several: a run each")
    parser.add_argument("--length", type=float, help="seconds of each run")
    parser.add_argument("--peer", choices=PEERS, action="append", default=[], help="beside ours")
    parser.add_argument("--apart", action="store_true", help="a process for each role")
    parser.add_argument("--voice", default="1.5x", help="sound at so many times real time; '': now")
    parser.add_argument("--detector", choices=("energy", "silero"), help="of callers' speech")
    parser.add_argument("--processes", type=int, default=0, help="of callers; 0: as needed")
    parser.add_argument("--verify", action="store_true", help="the log and the tables afterwards")
    parser.add_argument("--profile", action="store_true", help="where ours spends its CPU")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the report there")
    parser.add_argument("--page", type=Path, help="write a page with plots there")
    return parser


def main() -> None:
    """The program. Exit code 1: what must be is not; 2: nothing ran; 3: the run is void."""
    given = _parser().parse_args()
    move([os.getpid()], CORES.callers)
    if given.detector:
        os.environ[variable("detector")] = given.detector  # of all that is started from here
    try:
        runs = uvloop.run(measured(given))
    except (NoScenario, NoPeer, DidNotStart, CallersFailed, CannotSample) as failed:
        _err.print(str(failed), markup=False)
        sys.exit(2)
    made = report(runs, how=f"just load {shlex.join(sys.argv[1:])}")
    _out.print(table(made))
    for each in made.runs:
        if each.waterfalls:
            _out.print(hop_table(each))
    for shown in profile_tables(made.runs):
        _out.print(shown)
    if given.json:
        write(made, given.json)
    if given.page:
        given.page.write_text(page(made), "utf-8")
    ours = [each for each in runs if each.system == "partyline"]
    if any(each.void for each in runs):
        sys.exit(3)
    sys.exit(any(each.broken for each in ours))


if __name__ == "__main__":
    main()
