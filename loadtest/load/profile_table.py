"""Profiles as tables: microseconds by part, and beside them the share of the process's CPU."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.table import Table

from loadtest.load.figures import Figures
from loadtest.load.parts import Of, parts
from loadtest.load.profile import KERNEL, Profile, Share

_HEADINGS: Final[dict[Of, str]] = {
    "frame": "µs for a frame",
    "append": "µs for an append to the log",
    "both": "µs for a frame, of what is done for both",
}


class _Column(NamedTuple):
    heading: str
    run: Figures
    profile: Profile  # of a Python program

    def of(self, part: str) -> Share | None:
        return next((share for share in self.profile.shares if share.part == part), None)


def tables(runs: Sequence[Figures]) -> list[Table]:
    """One for all runs of a single process; one for each run of several."""
    together, apart = list[_Column](), list[Table]()
    for run in runs:
        looked_at = [each for each in run.profile if each.shares]
        if len(looked_at) == 1:
            together.append(_Column(f"{run.calls} calls", run, looked_at[0]))
        elif looked_at:
            columns = [_Column(each.program, run, each) for each in looked_at]
            apart.append(_table(f"{run.calls} calls, a process for each role", columns))
    return [*([_table("all roles in one process", together)] if together else []), *apart]


def _table(of_what: str, columns: Sequence[_Column]) -> Table:
    shown = Table(title=f"where the CPU goes: {of_what}; µs (% of the process)")
    shown.add_column("part")
    for column in columns:
        shown.add_column(column.heading, justify="right")
    for of, heading in _HEADINGS.items():
        shown.add_section()
        shown.add_row(f"[bold]{heading}[/bold]")
        for row in _part_rows(of, columns):
            shown.add_row(*row)
    shown.add_section()
    for name, say in _ROWS:
        shown.add_row(name, *map(say, columns))
    if all(column.run is columns[0].run for column in columns[1:]) and columns[1:]:
        shown.caption = "\n".join(map(" ".join, _server_rows(columns[:1])))
    else:
        for row in _server_rows(columns):
            shown.add_row(*row)
    return shown


def _part_rows(of: Of, columns: Sequence[_Column]) -> Iterator[list[str]]:
    for part in parts():
        if part.of == of and any(column.of(part.name) for column in columns):
            yield _row(part.name, columns)
    if of == "both":
        yield _row(KERNEL, columns)


def _row(part: str, columns: Sequence[_Column]) -> list[str]:
    return [part, *(_share(column.of(part), column) for column in columns)]


def _share(share: Share | None, column: _Column) -> str:
    if share is None:
        return "-"
    return f"{share.us:.1f} ({share.cpu_s / max(column.profile.cpu_s, 1e-9) * 100:.0f})"


_ROWS: Final[tuple[tuple[str, Callable[[_Column], str]], ...]] = (
    ("all of it, µs for a frame, for an append", lambda c: _whole(c.profile)),
    ("without system calls: CPU used, seen, waited for, s", lambda c: _seconds(c.profile)),
    ("samples (unreadable)", lambda c: _samples(c.profile)),
    ("frames, appends", lambda c: f"{c.run.frames}, {c.run.appends}"),
    ("innermost frames of the rest (: unreadable)", lambda c: "\n".join(c.profile.rest)),
)


def _server_rows(columns: Sequence[_Column]) -> Iterator[list[str]]:
    runs = [column.run for column in columns]
    servers = {each.program: each for run in runs for each in run.profile if not each.shares}
    for name in servers:
        of = [next((p for p in run.profile if p.program == name), None) for run in runs]
        yield [
            f"{name}, µs for a frame, for an append",
            *("" if p is None else _whole(p) for p in of),
        ]


def _whole(one: Profile) -> str:
    return f"{one.us_per_frame:.1f}, {one.us_per_append:.0f}"


def _seconds(one: Profile) -> str:
    return f"{one.cpu_s - one.kernel_s:.2f}, {one.seen_s:.2f}, {one.waited_s:.2f}"


def _samples(one: Profile) -> str:
    return f"{sum(share.samples for share in one.shares)} ({one.failed})"
