"""Two reports side by side, and what got worse: python -m loadtest.load.compare A.json B.json."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from loadtest.load.figures import Figures
from loadtest.load.report import Report, read

WORSE_PCT: Final = 20.0  # more is a regression
_SMALL: Final[dict[str, float]] = {  # a difference below this is none, whatever it is in per cent
    "wait added p50, ms": 2.0,
    "wait added p99, ms": 5.0,
    "barge-in p99, ms": 5.0,
    "frames late, %": 0.2,
    "MiB per call": 0.05,
}
CPU: Final = "CPU, times the callers' own"
_SECONDS: Final = "CPU s per call-minute"  # shown, not judged: the machine's speed is in it


class Change(NamedTuple):
    """One figure, before and after. Of all of them, less is better."""

    run: str  # system and number of calls
    what: str
    before: float
    after: float

    @property
    def pct(self) -> float:
        """How much more it is now; infinite where there was nothing before."""
        if self.before:
            return (self.after - self.before) / abs(self.before) * 100
        return float("inf") if self.after else 0.0

    @property
    def worse(self) -> bool:
        """By more than counts as noise."""
        small = _SMALL.get(self.what, 0.0)
        judged = self.what != _SECONDS
        return judged and self.pct > WORSE_PCT and self.after - self.before > small


def changes(before: Report, after: Report) -> list[Change]:
    """Of the runs that both have: same system, scenario and number of calls."""
    known = {_key(run): run for run in before.runs}
    return [
        change
        for run in after.runs
        if (old := known.get(_key(run))) is not None
        for change in _changes(old, run)
    ]


def void_runs(*reports: Report) -> list[str]:
    """Those whose figures do not count, with the reasons."""
    return [
        f"{_name(run)}: {'; '.join(run.void_because)}"
        for each in reports
        for run in each.runs
        if run.void
    ]


def _changes(old: Figures, new: Figures) -> Iterator[Change]:
    pairs: tuple[tuple[str, float, float], ...] = (
        (CPU, old.cpu_by_callers, new.cpu_by_callers),
        (_SECONDS, old.cpu_s_per_call_min, new.cpu_s_per_call_min),
        ("wait added p50, ms", old.wait_ms.p50, new.wait_ms.p50),
        ("wait added p99, ms", old.wait_ms.p99, new.wait_ms.p99),
        ("barge-in p99, ms", old.barge_in_ms.p99, new.barge_in_ms.p99),
        ("frames late, %", old.late_pct, new.late_pct),
        ("MiB per call", old.mib_per_call, new.mib_per_call),
        ("turns lost", old.lost, new.lost),
        ("replies doubled", old.doubled, new.doubled),
    )
    for what, before, after in pairs:
        if before or after:
            yield Change(_name(new), what, before, after)


def table(found: list[Change]) -> Table:
    """What is worse stands out."""
    shown = Table(title="Before and after; of every figure, less is better")
    for name in ("run", "figure"):
        shown.add_column(name)
    for name in ("before", "after", "change"):
        shown.add_column(name, justify="right")
    for change in found:
        said = f"{change.pct:+.0f} %" if change.pct != float("inf") else "new"
        said = f"[red]{said}[/red]" if change.worse else said
        shown.add_row(change.run, change.what, _short(change.before), _short(change.after), said)
    return shown


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _key(run: Figures) -> tuple[str, str, int]:
    return run.system, run.scenario, run.calls


def _name(run: Figures) -> str:
    return f"{run.system}, {run.scenario}, {run.calls} calls"


def main() -> None:
    """The program. Exit code 1: something is worse; 2: nothing to compare, or void."""
    parser = argparse.ArgumentParser(prog="just load-compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    given = parser.parse_args()
    before, after = read(given.before), read(given.after)
    found, void = changes(before, after), void_runs(before, after)
    console = Console()
    console.print(table(found))
    for each in void:
        console.print(f"[yellow]void[/yellow] {each}")
    if not found:
        console.print("The reports have no run in common.")
    if void or not found:
        sys.exit(2)
    sys.exit(any(change.worse for change in found))


if __name__ == "__main__":
    main()
