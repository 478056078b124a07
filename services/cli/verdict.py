"""What `partyline verify` found, for people and for programs."""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from contracts.ids import CallId
from services.call.verify import Finding
from services.cli.terminal import out

_SHOWN: Final = 10  # findings of a call on the screen; --json has all


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A call with what is wrong about it."""

    call: CallId
    findings: tuple[Finding, ...]


class Verified(msgspec.Struct, kw_only=True):
    """What was looked at, and what is wrong."""

    calls: int = 0
    going_on: int = 0  # of those: not ended yet, checked as far as they are
    expiring: int = 0  # of those: their beginning is too old to be kept, so not checked
    erased: int = 0  # of those: checked as stored; their words are gone, so not decided again
    uncovered: int = 0  # of those: recorded before decisions named facts, which nothing proves
    messages: int = 0
    events: int = 0
    decisions: int = 0
    facts: int = 0  # messages stored as the decisions name them
    outside: int = 0  # messages that no decision vouches for: after the last one, and outcomes
    rows: int = 0  # compared; 0 also when the tables were not looked at
    took_s: float = 0.0
    log: list[Finding] = []  # wrong with the log or the tables as a whole
    broken: list[Broken] = []

    @property
    def whole(self) -> bool:
        """Nothing is wrong."""
        return not self.log and not self.broken


def print_json(found: Verified) -> None:
    """One object: counts and all findings."""
    body = {"whole": found.whole, **msgspec.to_builtins(found)}
    out.out(msgspec.json.encode(body).decode())


def print_verdict(found: Verified) -> None:
    """What was checked, then what is wrong, a line each."""
    out.print(_counts(found), soft_wrap=True)
    for says in _left_open(found):
        out.print(f"[yellow]{says}[/yellow]", soft_wrap=True)
    if found.whole:
        out.print("[green]Nothing is lost, and everything adds up.[/green]")
        return
    if found.log:
        out.print(_table("The log as a whole", found.log))
    for each in found.broken:
        out.print(_table(f"Call {each.call}", each.findings))


def _counts(found: Verified) -> str:
    rows = f"; {_many(found.rows, 'row')} compared with the log" if found.rows else ""
    again = " and decided again" if found.erased < found.calls or not found.calls else ""
    speed = f", {found.calls / found.took_s:,.0f} calls/s" if found.took_s and found.calls else ""
    return (
        f"{_many(found.calls, 'call')}, {_many(found.messages, 'message')},"
        f" {_many(found.events, 'event')}: {_many(found.decisions, 'decision')} numbered, chained"
        f"{again}; {_many(found.facts, 'fact')} as they were seen{rows}"
        f" ({found.took_s:.1f} s{speed})."
    )


def _left_open(found: Verified) -> list[str]:
    said = {
        f"{_many(found.going_on, 'call')} not ended, checked as far as they are.": found.going_on,
        f"{_many(found.expiring, 'call')} left out: their beginning has expired.": found.expiring,
        f"{_many(found.erased, 'call')} erased: whole as stored; without the words nothing could"
        " be decided again.": found.erased,
        f"{_many(found.uncovered, 'call')} of a time when decisions named no facts: those of"
        " theirs could be changed unseen.": found.uncovered,
        f"{_many(found.outside, 'message')} after a call's last decision, which nothing vouches"
        " for.": found.outside,
    }
    return [says for says, count in said.items() if count]


def _table(title: str, findings: Sequence[Finding]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, show_header=True)
    table.add_column("message", justify="right")
    table.add_column("family")
    table.add_column("is", style="red")
    table.add_column("how")
    for each in findings[:_SHOWN]:
        table.add_row(str(each.sequence or ""), each.family, each.kind, escape(each.says))
    if len(findings) > _SHOWN:
        table.add_row("", "", "", f"and {len(findings) - _SHOWN} more: see --json")
    return table


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
