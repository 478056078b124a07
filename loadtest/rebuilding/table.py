"""The figures as a table, with what they are to be judged by beside them."""

from typing import Final

from rich.table import Table

from loadtest.rebuilding.figures import Figures

TARGET_EVENTS_PER_S: Final = 50_000
TARGET_MB: Final = 500
TARGET_LIVE_MS: Final = 250


def series_of(found: Figures) -> Table:
    """Every rebuild, in the order in which they ran."""
    table = Table(title="All tables from the log, into an empty database")
    for name in ("events", "workers", "code", "rows", "filled s", "live after s"):
        table.add_column(name, justify="right")
    for name in ("events/s", "rows/s", "peak MB", "postgres MB", "nats MB"):
        table.add_column(name, justify="right")
    for run in found.series:
        memory = (run.memory.ours, run.memory.postgres, run.memory.nats)
        table.add_row(
            *(f"{run.events:,}", str(run.workers), _code(run.compiled), f"{run.rows:,}"),
            *(f"{run.filled_s:.2f}", f"{run.took_s:.2f}"),
            *(f"{run.events_per_s:,.0f}", f"{run.rows / run.took_s:,.0f}"),
            *(f"{mb:.0f}" for mb in memory),
        )
    return table


def table_of(found: Figures) -> Table:
    """The largest log at its best, beside PostgreSQL's limit, the peer and the targets."""
    kind = "sealed" if found.sealed else "plain"
    workers = "1 worker" if found.workers == 1 else f"{found.workers} workers"
    code = f"{_code(found.compiled)} code"
    title = f"{found.events:,} events, {kind}, {workers}, {code}, {found.cores} cores"
    table = Table(title=title)
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("beside", justify="left")
    for row in (*_rebuild(found), *_peer(found), *_live(found)):
        table.add_row(*row)
    return table


def _rebuild(found: Figures) -> list[tuple[str, str, str]]:
    rows_per_s, limit = found.rows / found.took_s, found.copying.rows_per_s
    per_s, mb = found.events_per_s, found.peak_rss_mb
    target = f"target {TARGET_EVENTS_PER_S:,}: {_met(per_s >= TARGET_EVENTS_PER_S)}"
    target += f"; {per_s / limit:.2f} x COPY"
    memory = f"target {TARGET_MB}: {_met(mb < TARGET_MB)}"
    rebuilds = f"of {len(found.series)} rebuilds, {found.parked} calls parked"
    return [
        ("rebuild, events/s until live", f"{per_s:,.0f}", target),
        ("rebuild, rows/s until live", f"{rows_per_s:,.0f}", f"{rows_per_s / limit:.2f} x COPY"),
        ("COPY limit, rows/s", f"{limit:,.0f}", "one connection, no index, bytes at hand"),
        ("COPY from Python values, rows/s", f"{found.copying.records_per_s:,.0f}", ""),
        ("peak memory of the rebuild, MB", f"{mb:,.0f}", memory),
        ("all tables equal, row by row", "yes" if found.equal else "NO", rebuilds),
    ]


def _peer(found: Figures) -> list[tuple[str, str, str]]:
    if found.peer is None:
        return [("eventsourcing's runner, events/s", "not run", "")]
    known = (
        ("eventsourcing's runner, events/s", found.peer.events_per_s),
        ("the same, not waiting for the disk", found.peer.unsynced_events_per_s),
    )
    of = f"of {found.peer.events:,} events"
    return [
        (name, f"{per_s:,.0f}", f"ours is {found.events_per_s / per_s:,.0f} x; {of}")
        for name, per_s in known
    ]


def _live(found: Figures) -> list[tuple[str, str, str]]:
    if (live := found.live) is None:
        return []
    rate = f"at {live.events_per_s:,.0f} events/s"
    target = f"target {TARGET_LIVE_MS}: {_met(live.committed_p99_ms <= TARGET_LIVE_MS)}"
    return [
        ("stored to row, ms p50 / p99", f"{live.row_p50_ms} / {live.row_p99_ms}", rate),
        (
            "sent to seen by others, ms p50 / p99",
            f"{live.committed_p50_ms} / {live.committed_p99_ms}",
            target,
        ),
    ]


def _code(compiled: bool) -> str:
    return "machine" if compiled else "source"


def _met(met: bool) -> str:
    return "met" if met else "[red]missed[/red]"
