"""The figures of a run, whether they count, and whether they are as they must be. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from loadtest.load.hops import Waterfall
from loadtest.load.profile import Profile
from loadtest.load.scenario import Must
from loadtest.load.spread import Spread

LATE_LIMIT_MS: Final = 10.0  # of the callers' own clock, 99th percentile
STEAL_LIMIT_PCT: Final = 5.0  # of the machine's time


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
    event_to_row_ms: Spread  # in the log until others see it in the tables
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
    wait_quarters_ms: tuple[Spread, ...] = ()  # the same in each quarter of the run
    hops_ms: Mapping[str, Spread] = {}  # the same by the log, hop by hop: see loadtest/load/hops.py
    waterfalls: Mapping[str, Waterfall] = {}  # of the turns at p50 and p99
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
    phrase_s: float = 0.0  # that callers heard the phrase that asks them to wait, together
    put_off: int = 0  # times that a caller was asked to wait before an answer
    errors: Mapping[str, int] = {}
    frames: int = 0  # of sound, to the system and from it
    appends: int = 0  # messages in the log of calls
    appends_per_call_min: float = 0.0
    append_bytes: float = 0.0  # of each, without subject and headers
    log_calls: int = 0  # verified after the run; 0: that was not asked for
    log_wrong: tuple[str, ...] = ()  # events lost, doubled or reordered, and rows that differ
    strangers: Mapping[str, int] = {}  # what became of them
    faults: tuple[str, ...] = ()  # that were inflicted
    tables_behind_s: float = 0.0  # after PostgreSQL stalled, until the tables had caught up
    parked: int = 0  # calls that a projection follows no more
    call_min: float = 0.0  # of all calls together
    cpu_s_per_call_min: float = 0.0  # the whole system, its servers included
    cpu_by_program: Mapping[str, float] = {}  # the same, apart
    cpu_pct: Mapping[str, float] = {}  # of one core, over the run
    mib: Mapping[str, float] = {}  # resident at the end of the run
    mib_per_call: float = 0.0  # above what the idle system holds, without PostgreSQL
    mib_by_program: Mapping[str, float] = {}  # the same, apart
    mib_per_min: Mapping[str, float] = {}  # slope of memory over the second half of the run
    descriptors: Mapping[str, int] = {}  # open at the end of the run
    descriptors_most: Mapping[str, int] = {}  # open at any one time
    descriptors_per_min: Mapping[str, float] = {}  # slope over the second half of the run
    profile: tuple[Profile, ...] = ()  # where the CPU went, of a run that was to say so
    stream_mib: Mapping[str, float] = {}  # at the end of the run
    stream_mib_per_min: Mapping[str, float] = {}  # slope over the second half of the run
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


def void(caller_late_p99_ms: float, steal_pct: float) -> tuple[str, ...]:
    """Why the figures do not count; empty: they do."""
    reasons = []
    if caller_late_p99_ms > LATE_LIMIT_MS:
        reasons.append(f"the callers were {caller_late_p99_ms:.1f} ms late (p99)")
    if steal_pct > STEAL_LIMIT_PCT:
        reasons.append(f"{steal_pct:.1f} % of the machine's time was stolen")
    return tuple(reasons)


def judged(found: Figures, must: Must) -> tuple[str, ...]:
    """What must be and is not."""
    most: tuple[tuple[str, float | None, float], ...] = (
        ("wait added p99, ms", must.wait_p99_ms, found.wait_ms.p99),
        ("frames late, %", must.late_pct, found.late_pct),
        ("turns lost", must.lost, found.lost),
        ("replies doubled", must.doubled, found.doubled),
        ("calls refused", must.refused, found.refused),
        ("tables behind after the stall, s", must.tables_behind_s, found.tables_behind_s),
        ("calls parked", must.parked, found.parked),
        ("faults in the log and the tables", 0, len(found.log_wrong)),
    )
    wrong = [
        f"{what}: {is_:g}, at most {limit:g}"
        for what, limit, is_ in most
        if limit is not None and is_ > limit
    ]
    slow = found.servers.nats_slow_consumers if found.servers else 0
    least: tuple[tuple[str, int | None, int], ...] = (
        ("strangers' sockets closed", must.strangers_closed, found.strangers.get("closed", 0)),
        ("slow consumers cut off", must.slow_consumers, slow),
        ("calls refused", must.refused_least, found.refused),
    )
    wrong += [
        f"{what}: {is_}, at least {limit}"
        for what, limit, is_ in least
        if limit is not None and is_ < limit
    ]
    return tuple(wrong)
