"""What a run showed: a table for people, JSON for programs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.chaos.account import Account, Fault
from loadtest.chaos.faults import KINDS, MEANING
from loadtest.chaos.inflicting import Done
from loadtest.chaos.log import Takeover, Verdict
from loadtest.chaos.person import Silence
from loadtest.chaos.sentences import Story

_LONG_MS = 2_000  # of silence: the budget of dead air
_LATE_MS = 3_000  # of a takeover: its budget
_AFTERMATH_S = 5.0  # a silence that begins so long after a fault was healed is not its doing
FAILING = ("lost", "doubled", "disordered", "unknown", "dropped", "unanswered")


class Result(msgspec.Struct, kw_only=True):
    """One run."""

    seed: int
    minutes: float
    calls_at_a_time: int
    nats_nodes: int
    account: Account
    verdict: Verdict
    done: list[Done]
    left_out: int
    silences: list[Silence]
    trouble: list[str] = []  # of the run itself
    stories: list[Story] = []  # as each caller knows them

    @property
    def ok(self) -> bool:
        wrong = sum(self.account.count(what) for what in FAILING)
        return not wrong and not self.verdict.wrong and not self.trouble

    def figures(self) -> dict[str, Any]:
        """What `--json` writes."""
        gaps = self.gaps_ms()
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "calls_at_a_time": self.calls_at_a_time,
            "nats_nodes": self.nats_nodes,
            "ok": self.ok,
            "faults": dict(Counter(each.kind for each in self.done)),
            "faults_done": [msgspec.to_builtins(each) for each in self.done],
            "faults_left_out": self.left_out,
            "calls": self.verdict.calls,
            "questions": self.account.questions,
            "sentences": self.account.sentences,
            **{what: self.account.count(what) for what in FAILING},
            "said_again": self.account.said_again,
            "not_understood": self.account.not_understood,
            "repeated_at_loss": self.account.repeated_at_loss,
            "unrecorded": self.account.unrecorded,
            "lines_broken": self.account.broken_legs,
            "takeovers": dict(Counter(t.role for t in self.verdict.takeovers)),
            "takeover_ms": {"p50": at(gaps, 0.5), "p99": at(gaps, 0.99), "max": at(gaps, 1.0)},
            "takeover_ms_max_by_fault": _worst(self.verdict.takeovers),
            "late_takeovers": [
                msgspec.to_builtins(each)
                for each in self.verdict.takeovers
                if each.kind != "restart" and (each.gap_ms or 0.0) > _LATE_MS
            ],
            "dead_air_ms_max": max(self.dead_air_ms().values(), default=0.0),
            "dead_air_ms_max_by_fault": self.dead_air_ms(),
            "silences": [self._told(each) for each in self.silences if _is_long(each)],
            "verify_ok": not self.verdict.wrong,
        }

    def gaps_ms(self) -> list[float]:
        """From a fault to the next owner's claim; one asked to end hosts its calls until then."""
        taken = (t for t in self.verdict.takeovers if t.kind != "restart")
        return [t.gap_ms for t in taken if t.gap_ms is not None]

    def dead_air_ms(self) -> dict[str, float]:
        """The longest silence under each kind of fault, and under none."""
        worst: dict[str, float] = {}
        for silence in self.silences:
            kind = _during(silence, self.done)
            worst[kind] = max(worst.get(kind, 0.0), _length_ms(silence))
        return worst

    def _told(self, silence: Silence) -> dict[str, Any]:
        """For who looks into it: `partyline replay --at` of that call shows what was going on."""
        fault = _during(silence, self.done)
        at = {"from_s": round(silence.from_s, 3), "ms": _length_ms(silence)}
        return {"call": silence.call, **at, "fault": fault}


def at(values: Sequence[float], share: float) -> float:
    """A percentile; 0.0 of nothing."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def _length_ms(silence: Silence) -> int:
    return round((silence.to_s - silence.from_s) * 1000)


def _is_long(silence: Silence) -> bool:
    return _length_ms(silence) > _LONG_MS


def _worst(takeovers: Sequence[Takeover]) -> dict[str, float]:
    kinds = {t.kind for t in takeovers if t.gap_ms is not None}
    return {k: max(t.gap_ms for t in takeovers if t.kind == k and t.gap_ms) for k in sorted(kinds)}


def _during(silence: Silence, done: Sequence[Done]) -> str:
    """The fault that a silence is laid to: the newest one, but first a standstill of the gateway.

    It holds the caller's socket, and nobody else can speak into that.
    """
    if any(each.kind == "pause" and _holds(each, silence) for each in done):
        return "pause gateway"
    near = [
        each
        for each in done
        if each.at_s < silence.to_s and silence.from_s < each.healed_s + _AFTERMATH_S
    ]
    newest = max(near, key=lambda each: (_is_heard(each), each.at_s), default=None)
    return f"{newest.kind} {newest.target.rpartition('-')[0]}".strip() if newest else "none"


def _holds(paused: Done, silence: Silence) -> bool:
    during = paused.at_s < silence.to_s and silence.from_s < paused.healed_s
    return during and paused.url == silence.gateway != ""


def _is_heard(done: Done) -> bool:
    """No caller waits for a table."""
    return not done.target.startswith(("postgres", "projections"))


def show(result: Result, console: Console) -> None:
    """Print the table, then all that was wrong."""
    figures = result.figures()
    faults = Table(title=f"Seed {result.seed}: {len(result.done)} faults", title_justify="left")
    for name in ("fault", "times", "longest takeover ms"):
        faults.add_column(name, justify="left" if name == "fault" else "right")
    for kind in KINDS:
        worst = figures["takeover_ms_max_by_fault"].get(kind)
        times = figures["faults"].get(kind, 0)
        faults.add_row(MEANING[kind], str(times), "" if worst is None else f"{worst:.0f}")
    console.print(faults)
    console.print(_summary(result, figures))
    for trouble in (*result.trouble, *result.verdict.wrong):
        console.print(f"[red]{trouble}[/red]")
    for fault in result.account.wrong:
        console.print(_told(fault, result.done), soft_wrap=True)


def _told(fault: Fault, done: Sequence[Done]) -> str:
    """One thing that was wrong, and which faults came shortly before."""
    near = [d for d in done if d.at_s - 1.0 < fault.at_s < d.healed_s + _AFTERMATH_S]
    causes = ", ".join(f"{d.kind} {d.target} {d.at_s - fault.at_s:+.2f} s" for d in near)
    where = f"call {fault.call} code {fault.code} at {fault.at_s:.3f}"
    return f"[red]{fault.what}[/red] {where} {fault.why} ({causes or 'no fault near'})"


def _summary(result: Result, figures: dict[str, Any]) -> Table:
    table = Table(show_header=False)
    gaps, dead = figures["takeover_ms"], figures["dead_air_ms_max_by_fault"]
    rows = {
        "calls; questions asked; sentences heard whole": _join(
            figures["calls"], figures["questions"], figures["sentences"]
        ),
        "words lost; doubled; in the wrong order": _join(
            figures["lost"], figures["doubled"], figures["disordered"]
        ),
        "calls dropped; questions never answered; unknown": _join(
            figures["dropped"], figures["unanswered"], figures["unknown"]
        ),
        "lines broken; repeated at the break; never recorded": _join(
            figures["lines_broken"], figures["repeated_at_loss"], figures["unrecorded"]
        ),
        "said again by the caller; asked back by the agent": _join(
            figures["said_again"], figures["not_understood"]
        ),
        "takeovers": ", ".join(f"{k} {v}" for k, v in figures["takeovers"].items()),
        "gap p50 / p99 / max ms": f"{gaps['p50']:.0f} / {gaps['p99']:.0f} / {gaps['max']:.0f}",
        "dead air, longest ms": ", ".join(f"{k} {v:.0f}" for k, v in sorted(dead.items())),
        "log and tables": "hold" if figures["verify_ok"] else "DO NOT HOLD",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _join(*numbers: int) -> str:
    return "; ".join(map(str, numbers))
