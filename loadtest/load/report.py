"""A report: what ran, on what, and the figures; kept as JSON, shown as a table."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.table import Table

from loadtest.load.figures import Figures
from loadtest.load.spread import Spread


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What it ran on."""

    cores: int
    processor: str
    python: str
    kernel: str


class Report(Figures, frozen=True, kw_only=True):
    """The figures of our own run with most calls; all others of the session beside it."""

    taken_at: str = ""  # UTC
    how: str = ""  # the command
    machine: Machine | None = None
    note: str = ""  # how the figures are to be taken
    others: tuple[Figures, ...] = ()

    @property
    def runs(self) -> list[Figures]:
        """All of them, by system and number of calls."""
        return sorted([self, *self.others], key=lambda run: (run.system != "partyline", run.calls))


def report(runs: Sequence[Figures], how: str, note: str = "") -> Report:
    """Made of at least one run."""
    own = [run for run in runs if run.system == "partyline"] or list(runs)
    chief = max(own, key=lambda run: run.calls)
    return Report(
        **{name: getattr(chief, name) for name in Figures.__struct_fields__},
        taken_at=time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        how=how,
        machine=machine(),
        note=note,
        others=tuple(run for run in runs if run is not chief),
    )


def machine() -> Machine:
    """This one."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    return Machine(
        cores=os.cpu_count() or 1,
        processor=model,
        python=platform.python_version(),
        kernel=platform.release(),
    )


def read(file: Path) -> Report:
    """Raises OSError, msgspec.ValidationError, msgspec.DecodeError."""
    return msgspec.json.decode(file.read_bytes(), type=Report)


def write(made: Report, file: Path, *, plots: bool = True) -> None:
    """As JSON; without `plots` only what comparing needs."""
    kept = made if plots else _without_plots(made)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")


def _without_plots(made: Report) -> Report:
    others = tuple(msgspec.structs.replace(run, over_time={}, waterfalls={}) for run in made.others)
    return msgspec.structs.replace(made, over_time={}, waterfalls={}, others=others)


ROWS: Final[tuple[tuple[str, Callable[[Figures], str]], ...]] = (
    ("turns (lost, doubled, cut short)", lambda f: _counted(f)),
    ("calls answered (refused, asked to wait, errors)", lambda f: _answered(f)),
    ("wait added, ms p50 / p95 / p99", lambda f: waits(f.wait_ms)),
    ("  p50 / p99 in each quarter of the run", lambda f: _quarters(f)),
    ("asked to wait in mid-call, s", lambda f: f"{f.phrase_s:.1f}" if f.phrase_s else "-"),
    ("barge-in to clear, ms p50 / p95 / p99", lambda f: waits(f.barge_in_ms)),
    ("line lost to sound again, ms", lambda f: waits(f.back_ms)),
    ("key to sound, ms", lambda f: waits(f.key_ms)),
    ("agent frames over 20 ms late, %", lambda f: f"{f.late_pct:.2f}"),
    ("gaps in replies (p99 ms)", lambda f: f"{f.gaps} ({f.gap_ms.p99:.0f})"),
    ("CPU s per call-minute", lambda f: f"{f.cpu_s_per_call_min:.2f}"),
    ("  by program", lambda f: named(f.cpu_by_program, 2)),
    ("CPU, times the callers' own", lambda f: f"{f.cpu_by_callers:.2f}"),
    ("CPU % of a core", lambda f: named(f.cpu_pct, 1)),
    ("MiB per further call", lambda f: f"{f.mib_per_call:.2f}"),
    ("  by program", lambda f: named(f.mib_by_program, 2)),
    ("memory's slope, MiB a minute", lambda f: named(f.mib_per_min, 2)),
    ("descriptors", lambda f: named(f.descriptors, 0)),
    ("  most at a time", lambda f: named(f.descriptors_most, 0)),
    ("  slope, a minute", lambda f: named(f.descriptors_per_min, 1)),
    ("streams, MiB", lambda f: named(f.stream_mib, 1)),
    ("  slope, MiB a minute", lambda f: named(f.stream_mib_per_min, 2)),
    ("NATS messages/s, KiB/s, slow", lambda f: _nats(f)),
    ("Postgres commits/s, rows/s", lambda f: _postgres(f)),
    ("event to row, ms p50 / p95 / p99", lambda f: _rows(f)),
    ("appends per call-minute (bytes)", lambda f: _appends(f)),
    ("disk MiB per call-minute (log)", lambda f: _disk(f)),
    ("calls verified in the log (wrong)", lambda f: _verified(f)),
    ("faults", lambda f: _faults(f)),
    ("strangers", lambda f: named(f.strangers, 0)),
    ("callers late p99 ms; CPU s per call-min", lambda f: _callers(f)),
    ("stolen %", lambda f: f"{f.steal_pct:.1f}"),
    ("counts", lambda f: "VOID: " + "; ".join(f.void_because) if f.void else "yes"),
    ("what must be", lambda f: "; ".join(f.broken) or "is"),
)


def table(made: Report) -> Table:
    """A column for each run; rows of which no run knows anything are left out."""
    shown = Table(title=f"{made.scenario}: the system on one core, callers and Postgres on another")
    shown.add_column("at the caller's end")
    for run in made.runs:
        shown.add_column(f"{run.system}, {run.calls} calls", justify="right", overflow="fold")
    for name, say in ROWS:
        cells = [say(run) for run in made.runs]
        if any(cell not in ("", "-") for cell in cells):
            shown.add_row(name, *cells)
    return shown


def _quarters(found: Figures) -> str:
    return ", ".join(f"{each.p50:.0f} / {each.p99:.0f}" for each in found.wait_quarters_ms)


def waits(found: Spread) -> str:
    """The three that count."""
    return f"{found.p50:.1f} / {found.p95:.1f} / {found.p99:.1f}" if found.n else "-"


def named(values: Mapping[str, float], digits: int) -> str:
    """Figures by name, in one cell."""
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


def _counted(f: Figures) -> str:
    return f"{f.turns} ({f.lost}, {f.doubled}, {f.cut_short})"


def _answered(f: Figures) -> str:
    errors = f"{sum(f.errors.values())} {named(f.errors, 0)}".strip()
    return f"{f.answered} ({f.refused}, {f.put_off}, {errors})"


def _nats(f: Figures) -> str:
    if (done := f.servers) is None:
        return "-"
    return f"{done.nats_msgs_per_s:.0f}, {done.nats_kib_per_s:.0f}, {done.nats_slow_consumers}"


def _postgres(f: Figures) -> str:
    if (done := f.servers) is None:
        return "-"
    return f"{done.postgres_commits_per_s:.0f}, {done.postgres_rows_per_s:.0f}"


def _disk(f: Figures) -> str:
    if (done := f.servers) is None:
        return "-"
    return f"{done.disk_mib_per_call_min:.2f} ({done.log_mib_per_call_min:.2f})"


def _appends(f: Figures) -> str:
    return f"{f.appends_per_call_min:.1f} ({f.append_bytes:.0f})" if f.append_bytes else "-"


def _rows(f: Figures) -> str:
    return waits(f.servers.event_to_row_ms) if f.servers else "-"


def _verified(f: Figures) -> str:
    return f"{f.log_calls} ({len(f.log_wrong)})" if f.log_calls else "-"


def _faults(f: Figures) -> str:
    behind = [f"tables back after {f.tables_behind_s:.1f} s"] if f.tables_behind_s else []
    return ", ".join([*f.faults, *behind])


def _callers(f: Figures) -> str:
    return f"{f.caller_late_ms.p99:.1f}; {f.caller_cpu_s_per_call_min:.2f}"
