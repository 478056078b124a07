"""What so many calls at a time need. Pure: measured figures, multiplied.

CPU for a call falls with load (docs/performance.md), and the figures are taken at a moderate one,
so the cores are rather too many than too few.
"""

import math
from typing import Final

import msgspec

from contracts.streams import STREAMS
from loadtest.scale.measured import Measured, Role
from loadtest.scale.walls import group_calls, subjects_a_call

_MIB: Final = 2**20
_GIB: Final = 2**30
_COPIES: Final = 3  # of the log
_DAY_S: Final = 86_400


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Of one number of calls."""

    calls: int
    groups: int  # each with streams and projections of its own
    cores: dict[str, float]  # by program, used as far as `busiest` says
    processes: dict[str, int]  # of those that use one core each
    memory_gib: dict[str, float]
    nats_nodes: int
    streams: int
    appends_per_s: float
    claim_msgs_per_s: float
    frames_per_s: float
    subjects: float  # in the log, with an archive
    subjects_without_archive: float
    nats_start_s: float  # of the server that has a group's log, with an archive
    nats_mib_per_s: float
    carrier_mbit_per_s: float
    rows_per_s: float
    wal_mib_per_s: float
    log_gib_per_day: float  # all copies
    tables_gib_per_day: float

    @property
    def all_cores(self) -> float:
        """Of all programs."""
        return sum(self.cores.values())


def needs(known: Measured, calls: int) -> Needs:
    """For `calls` at a time in the busiest hour."""
    groups = math.ceil(calls / group_calls(known))
    cores = {name: _cores(role, calls, known) for name, role in known.roles.items()}
    cores["projections"] = _projecting(known, calls)
    processes = {name: max(math.ceil(each), groups) for name, each in cores.items()}
    processes["projections"] = groups  # one at a time writes a group's tables
    nats_cores = _cores(known.nats, calls, known) + _followers(known, calls)
    servers = {"nats-server": nats_cores, "postgres": _cores(known.postgres, calls, known)}
    nodes = max(3, math.ceil(nats_cores / known.node_cores.value))
    day_min = calls * known.busy.value * _DAY_S / 60
    live = calls * subjects_a_call(known, known.archived_days)
    appends_per_s = calls * known.appends.value / 60
    return Needs(
        calls=calls,
        groups=groups,
        cores=cores | servers,
        processes=processes,
        memory_gib=_memory(known, calls, processes, nodes, live),
        nats_nodes=nodes,
        streams=groups * len(STREAMS),
        appends_per_s=appends_per_s,
        claim_msgs_per_s=calls * known.claim_msgs.value,
        frames_per_s=calls * known.frames.value,
        subjects=live,
        nats_start_s=live / groups * known.subject_start.value / 1e6,
        subjects_without_archive=calls * subjects_a_call(known, known.kept_days),
        nats_mib_per_s=calls * known.nats_bytes.value / _MIB
        + appends_per_s * known.append_disk.value * (_COPIES - 1) / _MIB,
        carrier_mbit_per_s=calls * known.carrier_bytes.value * 8 / 1e6,
        rows_per_s=calls * known.rows.value / 60,
        wal_mib_per_s=calls * known.wal.value / 60 / _MIB,
        log_gib_per_day=day_min * known.appends.value * known.append_disk.value * _COPIES / _GIB,
        tables_gib_per_day=day_min * known.tables.value / _GIB,
    )


def _cores(role: Role, calls: int, known: Measured) -> float:
    return calls * role.cpu_s.value / 60 / known.busiest.value


def _projecting(known: Measured, calls: int) -> float:
    """Messages come to the tables by the batch, and the more come the less each costs."""
    return calls * known.appends.value / 60 * known.project_cpu.value / 1e6 / known.busiest.value


def _followers(known: Measured, calls: int) -> float:
    """Two more servers store each append."""
    per_s = calls * known.appends.value / 60
    return (
        per_s * known.three_append_cpu.value * (_COPIES - 1) / _COPIES / 1e6 / known.busiest.value
    )


def _memory(
    known: Measured, calls: int, processes: dict[str, int], nodes: int, subjects: float
) -> dict[str, float]:
    """The log's subjects are in the memory of each server that has a copy."""
    roles = {
        name: (processes[name] * role.idle_mib.value + calls * role.call_mib.value) / 1024
        for name, role in known.roles.items()
    }
    held = known.nats.idle_mib.value * nodes + known.nats.call_mib.value * calls
    nats = held / 1024 + subjects * _COPIES * known.subject_ram.value / _GIB
    return roles | {"nats-server": nats}
