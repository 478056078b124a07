"""A kill and what came of it, in words and as a row."""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.box import SIMPLE
from rich.table import Table

from services.cli.demo_kill.plan import Victim

_WORK: Final[dict[Victim, str]] = {
    "stt": "which hears the caller",
    "dialog": "which decides",
    "voice": "which looks up and speaks",
    "gateway": "which has the line",
    "nats": "which keeps the log",
    "postgres": "which keeps the tables",
}
_DOES: Final[dict[Victim, str]] = {
    "stt": "hears the caller",
    "dialog": "decides",
    "voice": "speaks",
    "gateway": "has the line",
    "nats": "answers",
    "postgres": "has every row",
}


class Kill(msgspec.Struct, kw_only=True):
    """One SIGKILL and what came of it. Times: UNIX milliseconds, clock of this machine."""

    victim: Victim
    process: str  # its name: stt-1, nats-server...
    pid: int
    doing: str  # what it was about
    turn: int  # in which the caller may have noticed
    at_ms: float
    since_ms: float = 0.0  # from when on a successor was missed, if later than the kill
    successor: str = ""  # as `process`: the same name is that of a new process
    successor_pid: int = 0
    epoch: int = 0  # of the successor; 0: its work has no owner
    after_ms: float | None = None  # from kill, or `since_ms`, to the successor's first act
    wait_ms: float | None = None  # of the caller in `turn`; of a gateway: without the agent's voice
    gaps: int = 0  # heard in the agent's replies, in the whole call

    @property
    def in_reply(self) -> bool:
        """What was killed was speaking, and its successor had to speak on in the same reply."""
        return self.victim == "voice" and self.since_ms <= self.at_ms


def killed(kill: Kill) -> str:
    """What is killed, and what it is about."""
    return f"-9 {kill.process} (process {kill.pid}), {_WORK[kill.victim]}, {kill.doing}"


def went_on(kill: Kill) -> str:
    """Who went on in its place, and when."""
    again = " again" if kill.successor == kill.process else ""
    epoch = f", epoch {kill.epoch}" if kill.epoch else ""
    since = "it was asked to" if kill.since_ms > kill.at_ms else "the kill"
    return (
        f"{kill.successor} (process {kill.successor_pid}) {_DOES[kill.victim]}{again}{epoch},"
        f" {kill.after_ms:,.0f} ms after {since}"
    )


def kill_rows(kills: Sequence[Kill], rang_ms: float) -> Table:
    """All kills, a row each. `rang_ms`: UNIX time in milliseconds."""
    table = Table(title="What was killed", title_justify="left", box=SIMPLE, padding=(0, 1))
    table.add_column("at", justify="right")
    table.add_column("kill -9", style="red", no_wrap=True)
    table.add_column("")
    table.add_column("went on", style="green", no_wrap=True)
    table.add_column("after", justify="right", no_wrap=True)
    table.add_column("the caller waited", no_wrap=True)
    for kill in kills:
        after = "never" if kill.after_ms is None else f"{kill.after_ms:,.0f} ms"
        table.add_row(
            f"{(kill.at_ms - rang_ms) / 1000:.1f} s",
            f"{kill.process} ({kill.pid})",
            kill.doing,
            f"{kill.successor} ({kill.successor_pid})" if kill.successor else "nobody",
            after,
            _waited(kill),
        )
    return table


def _waited(kill: Kill) -> str:
    if kill.wait_ms is None:
        return "in vain"
    if kill.in_reply:
        return f"heard {kill.gaps or 'no'} gap{'s' if kill.gaps > 1 else ''}"
    where = "cut off" if kill.victim == "gateway" else f"turn {kill.turn}"
    return f"{where}: {kill.wait_ms:,.0f} ms"
