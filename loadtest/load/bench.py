"""Whether a call costs more than it did: python -m loadtest.load.bench [--keep NOTE].

Runs what `baseline.json` holds once more and compares CPU per call, in units of the callers' own
CPU: on a machine whose speed drifts by a third, seconds of one session say nothing about another's,
while the callers' work is the same each time and slows down with the rest. With --keep the runs
become the baseline; take it on a machine that does nothing else.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from loadtest.load.compare import CPU, changes, table
from loadtest.load.cores import CORES, move
from loadtest.load.figures import Figures
from loadtest.load.report import Report, read, report, write
from loadtest.load.run import CallersFailed, Wanted, run, warm
from loadtest.load.scenario import read as read_scenario
from loadtest.load.systems import DidNotStart, partyline

BASELINE: Final = Path(__file__).with_name("baseline.json")
_SCENARIO: Final = "steady"
_LENGTH_S: Final = 30.0
_CALLS: Final = (20, 50)
_VOICE: Final = "1.5x"
_out: Final = Console()


async def measured(calls: Sequence[int], length_s: float) -> list[Figures]:
    """A run for each number of calls."""
    scenario = read_scenario(_SCENARIO)
    with tempfile.TemporaryDirectory(prefix="partyline-bench-") as folder:
        async with partyline(Path(folder) / "data", voice=_VOICE) as system:
            await warm(system)
            wanted = [
                Wanted(name=_SCENARIO, scenario=scenario, calls=n, length_s=length_s) for n in calls
            ]
            return [await run(system, each) for each in wanted]


def verdict(before: Report, after: Report) -> int:
    """0: no call costs over 20 % more CPU; 1: one does; 3: the new runs are void."""
    if after.void or any(each.void for each in after.others):
        return 3
    return int(any(each.worse for each in changes(before, after) if each.what == CPU))


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="just bench", description=__doc__)
    parser.add_argument("--keep", metavar="NOTE", help="make this the baseline; how it was taken")
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    parser.add_argument("--calls", type=int, nargs="+", help="else as many as the baseline has")
    parser.add_argument("--length", type=float, default=_LENGTH_S, help="seconds of each run")
    given = parser.parse_args()
    move([os.getpid()], CORES.callers)
    before = None if given.keep else read(given.baseline)
    calls = given.calls or (_CALLS if before is None else [run.calls for run in before.runs])
    try:
        runs = uvloop.run(measured(calls, given.length))
    except (DidNotStart, CallersFailed) as failed:
        sys.exit(str(failed))
    now = report(runs, how="just bench", note=given.keep or "")
    if before is None:
        write(now, given.baseline, plots=False)
        return _out.print(f"The baseline is kept in {given.baseline}.", markup=False)
    _conclude(before, now)


def _conclude(before: Report, now: Report) -> None:
    found = changes(before, now)
    _out.print(table(found))
    _out.print(f"The baseline: {before.taken_at} UTC; {before.note}", markup=False)
    code = verdict(before, now)
    said = {
        0: "No call costs over 20 % more CPU than it did.",
        1: "[red]A call costs over 20 % more CPU than it did.[/red]",
        3: f"The run is void: {'; '.join(now.void_because) or 'see its other runs'}.",
    }
    _out.print(said[code] if found else "The baseline has no run of this size.")
    sys.exit(code if found else 2)


if __name__ == "__main__":
    main()
