"""The figures the model stands on, each with what gives it. Kept in measured.toml."""

import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

FILE: Final = Path(__file__).with_name("measured.toml")


class Figure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of them."""

    value: float
    unit: str
    how: Literal["measured", "read", "computed", "assumed"]
    source: str  # the command that gives it, where it is read, or why it is assumed


class Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a program costs."""

    cpu_s: Figure  # per call-minute
    idle_mib: Figure  # of a process that holds no call
    call_mib: Figure  # above that, of each call in which there is talk


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them. A call is one in which there is talk, as in the scenario `steady`."""

    roles: dict[str, Role]
    nats: Role
    postgres: Role
    call_min: Figure  # length of a call
    busy: Figure  # of the busiest hour's calls, how many there are on average
    busiest: Figure  # of a core, how much is to be used
    node_cores: Figure
    appends: Figure  # per call-minute
    append_disk: Figure  # bytes, with subject and headers
    call_subjects: Figure
    subject_ram: Figure  # bytes of a nats-server
    subject_start: Figure  # microseconds of a nats-server's start
    subjects_limit: Figure
    kept_days: Figure  # in the log, without an archive
    archived_days: Figure  # in the log, with one that takes calls as soon as it can
    alone_append: Figure  # seconds of the log's leader for one append, on a server alone
    three_append: Figure  # the same where three servers have it
    three_append_cpu: Figure  # microseconds of all three servers
    frames: Figure  # of sound, published per call-second
    frame_cpu: Figure  # of the server, for one
    call_audio: Figure  # bytes of the AUDIO stream for a call
    audio_limit: Figure  # bytes
    claim_msgs: Figure  # per call-second, to keep them
    claim_cpu: Figure  # of the server, per call-second
    claims_limit: Figure  # of a role, held at a time
    takeover_cpu: Figure  # milliseconds of a host for each call it takes over
    project_cpu: Figure  # of the projections for one message, many at a time
    nats_bytes: Figure  # in and out, per call-second
    carrier_bytes: Figure  # in and out, per call-second
    rows: Figure  # per call-minute
    wal: Figure  # bytes per call-minute
    tables: Figure  # bytes per call-minute


def read(file: Path = FILE) -> Measured:
    """Raises OSError, tomllib.TOMLDecodeError, msgspec.ValidationError."""
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Measured)
