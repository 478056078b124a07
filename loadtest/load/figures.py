"""What comes of a run: the figures, and whether they count. Pure."""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from loadtest.load.heard import Heard
from loadtest.load.meter import Sample, Work
from loadtest.load.scenario import Must

LATE_LIMIT_MS: Final = 10.0  # of the callers' own clock, 99th percentile
STEAL_LIMIT_PCT: Final = 5.0  # of the machine's time
SETTLED: Final = 0.5  # of a run, after which memory that still grows counts as growing


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How a time is spread, in milliseconds. All 0 where there is nothing."""

    n: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


class Point(NamedTuple):
    """For the plots: a second of the run, and a figure."""

    at_s: float  # since the first ring
    value: float


class Servers(msgspec.Struct, frozen=True, kw_only=True):
    """What NATS and PostgreSQL had to do, and what lies on disk."""

    nats_msgs_per_s: float  # in and out
    nats_kib_per_s: float
    nats_slow_consumers: int
    postgres_commits_per_s: float
    postgres_rows_per_s: float
    wal_mib_per_call_min: float
    log_mib_per_call_min: float
    disk_mib_per_call_min: float  # the log and the tables together


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    system: str
    scenario: str
    calls: int  # at a time, as asked for
    length_s: float
    void: bool  # the figures do not count,
    void_because: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()  # what the scenario says must be, and is not
    silence_ms: int = 0  # the system waits before it answers; taken off the waits
    wait_ms: Spread = Spread()  # added to each turn
    barge_in_ms: Spread = Spread()  # first frame over the reply to `clear`
    back_ms: Spread = Spread()  # line lost to sound on the new one
    key_ms: Spread = Spread()  # key pressed to first sound
    late_pct: float = 0.0  # of agent frames, over 20 ms behind real time
    gaps: int = 0  # times the caller's buffer ran dry in the middle of a reply
    gap_ms: Spread = Spread()
    turns: int = 0
    lost: int = 0  # turns without a reply
    doubled: int = 0  # replies or marks that came twice
    cut_short: int = 0  # replies of which a part is missing
    unheeded: int = 0  # barge-ins that stopped nothing
    answered: int = 0  # calls
    refused: int = 0
    errors: Mapping[str, int] = {}
    strangers: Mapping[str, int] = {}  # what became of them
    call_min: float = 0.0  # of all calls together
    cpu_s_per_call_min: float = 0.0  # the whole system, its servers included
    cpu_by_program: Mapping[str, float] = {}  # the same, apart
    cpu_pct: Mapping[str, float] = {}  # of one core, over the run
    mib: Mapping[str, float] = {}  # resident at the end of the run
    mib_per_call: float = 0.0  # above what the idle system holds, without PostgreSQL
    mib_by_program: Mapping[str, float] = {}  # the same, apart
    mib_per_min: Mapping[str, float] = {}  # slope of memory over the second half of the run
    servers: Servers | None = None  # None: it has none that can be asked
    caller_late_ms: Spread = Spread()  # the callers' own clock
    caller_cpu_s_per_call_min: float = 0.0  # how fast the machine is just now: same work each time
    steal_pct: float = 0.0
    over_time: Mapping[str, Sequence[Point]] = {}  # for the plots

    @property
    def cpu_by_callers(self) -> float:
        """The system's CPU in units of its callers': steadier than seconds on a machine whose
        speed drifts, since the callers' work is the same each time. 0: not known."""
        callers = self.caller_cpu_s_per_call_min
        return self.cpu_s_per_call_min / callers if callers else 0.0


class Ran(NamedTuple):
    """All that is known of a run."""

    heard: Heard
    strange: Heard
    samples: Sequence[Sample]  # at least two
    before: Work | None  # None: of a system whose servers cannot be asked
    after: Work | None


def spread(values: Iterable[float]) -> Spread:
    """Sorted and looked at."""
    ordered = sorted(values)
    if not ordered:
        return Spread()

    def at(share: float) -> float:
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2)

    return Spread(n=len(ordered), p50=at(0.5), p95=at(0.95), p99=at(0.99), max=at(1.0))


def void(caller_late_p99_ms: float, steal_pct: float) -> tuple[str, ...]:
    """Why the figures do not count; empty: they do."""
    reasons = []
    if caller_late_p99_ms > LATE_LIMIT_MS:
        reasons.append(f"the callers were {caller_late_p99_ms:.1f} ms late (p99)")
    if steal_pct > STEAL_LIMIT_PCT:
        reasons.append(f"{steal_pct:.1f} % of the machine's time was stolen")
    return tuple(reasons)


def figures(system: str, scenario: str, calls: int, silence_ms: int, ran: Ran) -> Figures:
    """The figures of a run."""
    heard, first, last = ran.heard, ran.samples[0], ran.samples[-1]
    took_s = max(last.at_s - first.at_s, 1e-3)
    minutes = max(heard.call_s, 1e-3) / 60
    cpu = {
        name: used.cpu_s - (first.programs[name].cpu_s if name in first.programs else 0.0)
        for name, used in last.programs.items()
    }
    late = spread(heard.ticks_late_ms)
    steal_pct = _pct(last.steal_s - first.steal_s, took_s * (os.cpu_count() or 1))
    reasons = void(late.p99, steal_pct)
    memory = _memory(ran.samples, calls)
    return Figures(
        system=system,
        scenario=scenario,
        calls=calls,
        length_s=round(took_s, 1),
        void=bool(reasons),
        void_because=reasons,
        silence_ms=silence_ms,
        wait_ms=spread(wait.ms - silence_ms for wait in heard.waits),
        barge_in_ms=spread(each.ms for each in heard.barge_ins),
        back_ms=spread(each.ms for each in heard.backs),
        key_ms=spread(each.ms for each in heard.keys),
        late_pct=_pct(heard.late_frames, heard.frames),
        gaps=len(heard.gaps_ms),
        gap_ms=spread(heard.gaps_ms),
        turns=heard.turns,
        lost=heard.lost,
        doubled=heard.doubled + heard.marks_twice,
        cut_short=heard.cut_short,
        unheeded=heard.unheeded,
        answered=heard.calls,
        refused=heard.refused,
        errors=heard.faults,
        strangers=_strangers(ran.strange),
        call_min=round(minutes, 2),
        cpu_s_per_call_min=round(sum(cpu.values()) / minutes, 3),
        cpu_by_program={name: round(used / minutes, 3) for name, used in sorted(cpu.items())},
        cpu_pct={name: _pct(used, took_s) for name, used in sorted(cpu.items())},
        mib={name: round(used.rss_mib, 1) for name, used in sorted(last.programs.items())},
        mib_per_call=round(sum(mib for name, mib in memory.items() if name != "postgres"), 3),
        mib_by_program=memory,
        mib_per_min=slopes(ran.samples),
        servers=_servers(ran, took_s, minutes),
        caller_late_ms=late,
        caller_cpu_s_per_call_min=round(heard.cpu_s / minutes, 3),
        steal_pct=steal_pct,
        over_time=_over_time(ran, silence_ms),
    )


def judged(found: Figures, must: Must) -> tuple[str, ...]:
    """What must be and is not."""
    most: tuple[tuple[str, float | None, float], ...] = (
        ("wait added p99, ms", must.wait_p99_ms, found.wait_ms.p99),
        ("frames late, %", must.late_pct, found.late_pct),
        ("turns lost", must.lost, found.lost),
        ("replies doubled", must.doubled, found.doubled),
        ("calls refused", must.refused, found.refused),
    )
    wrong = [
        f"{what}: {is_:g}, at most {limit:g}"
        for what, limit, is_ in most
        if limit is not None and is_ > limit
    ]
    closed, wanted = found.strangers.get("closed", 0), must.strangers_closed
    if wanted is not None and closed < wanted:
        wrong.append(f"strangers' sockets closed: {closed}, at least {wanted}")
    return tuple(wrong)


def slopes(samples: Sequence[Sample]) -> dict[str, float]:
    """MiB a minute by program, a straight line through the second half of the run."""
    settled = samples[int(len(samples) * SETTLED) :]
    return {
        name: round(_slope([(s.at_s / 60, s.programs[name].rss_mib) for s in known]), 3)
        for name in sorted(samples[-1].programs)
        if len(known := [s for s in settled if name in s.programs]) > 1
    }


def _slope(points: Sequence[tuple[float, float]]) -> float:
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    apart = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / apart if apart else 0.0


def _memory(samples: Sequence[Sample], calls: int) -> dict[str, float]:
    """MiB a call by program: the most that was held, less what the idle system held."""
    idle = samples[0].programs
    found = {}
    for name in sorted(idle):
        most = max(s.programs[name].rss_mib for s in samples if name in s.programs)
        found[name] = round((most - idle[name].rss_mib) / max(calls, 1), 3)
    return found


def _servers(ran: Ran, took_s: float, minutes: float) -> Servers | None:
    then, now = ran.before, ran.after
    if then is None or now is None:
        return None
    old, new = then.traffic, now.traffic
    msgs = new.in_msgs + new.out_msgs - old.in_msgs - old.out_msgs
    size_bytes = new.in_bytes + new.out_bytes - old.in_bytes - old.out_bytes
    log_mib, tables_mib = now.log_mib - then.log_mib, now.tables_mib - then.tables_mib
    return Servers(
        nats_msgs_per_s=round(msgs / took_s, 1),
        nats_kib_per_s=round(size_bytes / 1024 / took_s, 1),
        nats_slow_consumers=new.slow_consumers - old.slow_consumers,
        postgres_commits_per_s=round((now.commits - then.commits) / took_s, 1),
        postgres_rows_per_s=round((now.rows - then.rows) / took_s, 1),
        wal_mib_per_call_min=round((now.wal_bytes - then.wal_bytes) / 2**20 / minutes, 3),
        log_mib_per_call_min=round(log_mib / minutes, 3),
        disk_mib_per_call_min=round((log_mib + tables_mib) / minutes, 3),
    )


def _strangers(strange: Heard) -> dict[str, int]:
    if not (strange.calls or strange.refused or strange.failed):
        return {}
    there = {"connected": strange.calls, "closed": strange.closed, "refused": strange.refused}
    return there | strange.faults


def _over_time(ran: Ran, silence_ms: int) -> dict[str, list[Point]]:
    begun_s = ran.samples[0].at_s
    plots = {
        "wait added, ms": [(w.at_s, w.ms - silence_ms) for w in ran.heard.waits],
        "barge-in, ms": [(each.at_s, each.ms) for each in ran.heard.barge_ins],
        "callers late p99, ms": [(late.at_s, late.p99_ms) for late in ran.heard.late],
    }
    for name in ran.samples[-1].programs:
        known = [s for s in ran.samples if name in s.programs]
        plots[f"MiB {name}"] = [(s.at_s, s.programs[name].rss_mib) for s in known]
        plots[f"CPU % {name}"] = [
            (b.at_s, (b.programs[name].cpu_s - a.programs[name].cpu_s) / (b.at_s - a.at_s) * 100)
            for a, b in pairwise(known)
            if b.at_s > a.at_s
        ]
    return {
        name: [Point(round(at_s - begun_s, 1), round(value, 2)) for at_s, value in points]
        for name, points in plots.items()
        if points
    }


def _pct(part: float, whole: float) -> float:
    return round(part / whole * 100, 2) if whole else 0.0
