"""From what callers heard and meters read to the figures of a run. Pure."""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from loadtest.load.drift import Sizes, quarters, slope, streams
from loadtest.load.figures import Figures, Point, Servers, void
from loadtest.load.heard import Heard
from loadtest.load.meter import Sample, Work, used
from loadtest.load.spread import spread

SETTLED: Final = 0.5  # of a run, after which memory that still grows counts as growing


class Ran(NamedTuple):
    """All that is known of a run."""

    heard: Heard
    strange: Heard
    samples: Sequence[Sample]  # at least two
    before: Work | None  # None: of a system whose servers cannot be asked
    after: Work | None
    streams: Sequence[Sizes] = ()


def figures(system: str, scenario: str, calls: int, silence_ms: int, ran: Ran) -> Figures:
    """The figures of a run."""
    first, last = ran.samples[0], ran.samples[-1]
    took_s = max(last.at_s - first.at_s, 1e-3)
    minutes = max(ran.heard.call_s, 1e-3) / 60
    late = spread(ran.heard.ticks_late_ms)
    steal_pct = _pct(last.steal_s - first.steal_s, took_s * (os.cpu_count() or 1))
    reasons = void(late.p99, steal_pct)
    return Figures(
        system=system,
        scenario=scenario,
        calls=calls,
        length_s=round(took_s, 1),
        void=bool(reasons),
        void_because=reasons,
        silence_ms=silence_ms,
        **_heard(ran.heard, silence_ms),
        strangers=_strangers(ran.strange),
        frames=_frames(ran.heard) + _frames(ran.strange),
        call_min=round(minutes, 2),
        **_cpu(ran.samples, took_s, minutes),
        **_memory(ran.samples, calls),
        **streams(ran.streams),
        servers=_servers(ran, took_s, minutes),
        caller_late_ms=late,
        caller_cpu_s_per_call_min=round(ran.heard.cpu_s / minutes, 3),
        steal_pct=steal_pct,
        over_time=_over_time(ran, silence_ms),
    )


def _heard(heard: Heard, silence_ms: int) -> dict[str, Any]:
    return {
        "wait_ms": spread(wait.ms - silence_ms for wait in heard.waits),
        "wait_quarters_ms": quarters(heard.waits, silence_ms),
        "barge_in_ms": spread(each.ms for each in heard.barge_ins),
        "back_ms": spread(each.ms for each in heard.backs),
        "key_ms": spread(each.ms for each in heard.keys),
        "late_pct": _pct(heard.late_frames, heard.frames),
        "gaps": len(heard.gaps_ms),
        "gap_ms": spread(heard.gaps_ms),
        "turns": heard.turns,
        "lost": heard.lost,
        "doubled": heard.doubled + heard.marks_twice,
        "cut_short": heard.cut_short,
        "unheeded": heard.unheeded,
        "answered": heard.calls,
        "refused": heard.refused,
        "put_off": heard.put_off,
        "phrase_s": round(heard.phrase_s, 1),
        "errors": heard.faults,
    }


def _cpu(samples: Sequence[Sample], took_s: float, minutes: float) -> dict[str, Any]:
    cpu_s = {name: cost.cpu_s for name, cost in used(samples).items()}
    return {
        "cpu_s_per_call_min": round(sum(cpu_s.values()) / minutes, 3),
        "cpu_by_program": {name: round(s / minutes, 3) for name, s in cpu_s.items()},
        "cpu_pct": {name: _pct(s, took_s) for name, s in cpu_s.items()},
    }


def _memory(samples: Sequence[Sample], calls: int) -> dict[str, Any]:
    """A call's memory: the most that was held, less what the idle system held."""
    idle, last = samples[0].programs, samples[-1].programs
    each = {}
    for name in sorted(idle):
        most = max(s.programs[name].rss_mib for s in samples if name in s.programs)
        each[name] = round((most - idle[name].rss_mib) / max(calls, 1), 3)
    return {
        "mib": {name: round(cost.rss_mib, 1) for name, cost in sorted(last.items())},
        "mib_per_call": round(sum(m for name, m in each.items() if name != "postgres"), 3),
        "mib_by_program": each,
        "mib_per_min": slopes(samples, mib),
        "descriptors": {name: samples[-1].descriptors.get(name, 0) for name in sorted(last)},
        "descriptors_most": {
            name: max(s.descriptors.get(name, 0) for s in samples) for name in sorted(last)
        },
        "descriptors_per_min": slopes(samples, opened),
    }


def slopes(samples: Sequence[Sample], value: Callable[[Sample, str], float]) -> dict[str, float]:
    """What a value grows by in a minute, by program: a straight line through the second half."""
    settled = samples[int(len(samples) * SETTLED) :]
    return {
        name: round(slope([(s.at_s / 60, value(s, name)) for s in known]), 3)
        for name in sorted(samples[-1].programs)
        if len(known := [s for s in settled if name in s.programs]) > 1
    }


def mib(sample: Sample, program: str) -> float:
    """Memory that was resident."""
    return sample.programs[program].rss_mib


def opened(sample: Sample, program: str) -> float:
    """Files and sockets that were open."""
    return float(sample.descriptors.get(program, 0))


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
        event_to_row_ms=now.event_to_row_ms,
        wal_mib_per_call_min=round((now.wal_bytes - then.wal_bytes) / 2**20 / minutes, 3),
        log_mib_per_call_min=round(log_mib / minutes, 3),
        disk_mib_per_call_min=round((log_mib + tables_mib) / minutes, 3),
    )


def _frames(heard: Heard) -> int:
    return heard.said + heard.frames


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
        plots[f"MiB {name}"] = [(s.at_s, mib(s, name)) for s in known]
        plots[f"descriptors {name}"] = [(s.at_s, opened(s, name)) for s in known]
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
