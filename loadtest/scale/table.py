"""The model as tables for the terminal."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.box import SIMPLE
from rich.table import Table

from loadtest.scale.model import Needs
from loadtest.scale.walls import Wall

_ROWS: Final[tuple[tuple[str, Callable[[Needs], float], str], ...]] = (
    ("cores, all programs", lambda n: n.all_cores, ",.0f"),
    ("groups (streams and tables of their own)", lambda n: n.groups, ",d"),
    ("nats-servers", lambda n: n.nats_nodes, ",d"),
    ("streams", lambda n: n.streams, ",d"),
    ("memory GiB, Python", lambda n: sum(_python(n)), ",.0f"),
    ("memory GiB, nats-servers", lambda n: n.memory_gib["nats-server"], ",.0f"),
    ("appends/s", lambda n: n.appends_per_s, ",.0f"),
    ("claim messages/s", lambda n: n.claim_msgs_per_s, ",.0f"),
    ("frames of sound/s", lambda n: n.frames_per_s, ",.0f"),
    ("million subjects, with an archive", lambda n: n.subjects / 1e6, ",.1f"),
    ("million subjects, without an archive", lambda n: n.subjects_without_archive / 1e6, ",.0f"),
    ("s of a nats-server's start, with an archive", lambda n: n.nats_start_s, ",.0f"),
    ("NATS network MiB/s", lambda n: n.nats_mib_per_s, ",.0f"),
    ("carriers' network Mbit/s", lambda n: n.carrier_mbit_per_s, ",.0f"),
    ("PostgreSQL rows/s", lambda n: n.rows_per_s, ",.0f"),
    ("PostgreSQL's own log MiB/s", lambda n: n.wal_mib_per_s, ",.0f"),
    ("log GiB a day, three copies", lambda n: n.log_gib_per_day, ",.0f"),
    ("tables GiB a day", lambda n: n.tables_gib_per_day, ",.0f"),
)


def needed(found: Sequence[Needs]) -> Table:
    """A column for each number of calls."""
    shown = Table(title="what is needed for calls at a time", box=SIMPLE, title_justify="left")
    shown.add_column("")
    for each in found:
        shown.add_column(f"{each.calls:,}", justify="right")
    for name, value, form in _ROWS[:1]:
        shown.add_row(name, *(format(value(each), form) for each in found), style="bold")
    for program in found[0].cores:
        cells = [_cores(each, program) for each in found]
        shown.add_row(f"  {program}", *cells)
    for name, value, form in _ROWS[1:]:
        shown.add_row(name, *(format(value(each), form) for each in found))
    return shown


def reached(found: Sequence[Wall]) -> Table:
    """The walls, the nearest first."""
    shown = Table(title="where one thing is full", box=SIMPLE, title_justify="left")
    shown.add_column("at calls", justify="right")
    shown.add_column("a call takes; there are")
    shown.add_column("what moves it")
    for wall in found:
        calls = f"{wall.calls:,.0f}" + ("" if wall.sure else "*")
        moves = f"{wall.then}\n{wall.setting or 'no setting'}"
        shown.add_row(calls, f"{wall.name}\n{wall.demand}; {wall.limit}", moves)
    return shown


def _cores(needs: Needs, program: str) -> str:
    cores = f"{needs.cores[program]:,.1f}"
    count = needs.processes.get(program)
    return f"{cores} ({count:,})" if count else cores


def _python(needs: Needs) -> list[float]:
    return [gib for name, gib in needs.memory_gib.items() if name in needs.processes]
