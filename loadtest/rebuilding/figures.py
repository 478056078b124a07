"""What a run of the benchmark finds, as its JSON has it."""

import msgspec


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """At most, resident, in units of 1,000,000 bytes."""

    ours: float  # the rebuild and its workers: the sum of each one's own peak
    postgres: float  # what its processes share is counted once
    nats: float


class Rebuild(msgspec.Struct, frozen=True, kw_only=True):
    """All tables from the log, into an empty database."""

    events: int
    workers: int
    rows: int
    filled_s: float  # until tables and indexes were there
    took_s: float  # until they were live
    compiled: bool  # the workers ran machine code
    memory: Memory

    @property
    def events_per_s(self) -> float:
        """End to end."""
        return self.events / self.took_s


class Copying(msgspec.Struct, frozen=True, kw_only=True):
    """Rows like the timeline's into a table without indexes, by one connection."""

    rows: int
    rows_per_s: float  # their bytes at hand: what PostgreSQL takes
    records_per_s: float  # made from Python values by asyncpg meanwhile


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The projection runner of the library `eventsourcing`: a row and a commit for each event."""

    events: int
    events_per_s: float
    unsynced_events_per_s: float  # its commits do not wait for the disk


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """From stored to visible, while another process follows."""

    events: int
    appended: int  # with those that were to warm up
    events_per_s: float  # at which they were appended
    row_p50_ms: float  # until the row was written: timeline.row_ms
    row_p99_ms: float
    committed_p50_ms: float  # until another connection saw all tables that far, by batch
    committed_p99_ms: float


class Figures(msgspec.Struct, kw_only=True):
    """The whole. The figures at the top are those of the largest log at its best."""

    events: int
    events_per_s: float
    copy_rows_per_s: float
    peer_events_per_s: float | None
    peak_rss_mb: float  # 1,000,000 bytes
    equal: bool  # every rebuild of a log had the same rows in all tables
    workers: int
    compiled: bool
    sealed: bool
    rows: int
    filled_s: float
    took_s: float
    parked: int  # calls that some projection could not take
    cores: int
    series: list[Rebuild]  # in the order in which they ran
    copying: Copying
    peer: Peer | None
    live: Live | None
