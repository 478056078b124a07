"""The commands for what the log and the tables hold."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from services.cli.program import (
    AsJson,
    Data,
    Nats,
    Postgres,
    Tenant,
    app,
    calls_app,
    do,
    options,
    projections_app,
)
from services.cli.terminal import fail


@calls_app.default
def calls(
    *,
    limit: Annotated[int, Parameter(help="How many.")] = 20,
    data: Data = None,
    postgres: Postgres = None,
    tenant: Tenant = None,
) -> None:
    """List the newest calls."""
    from services.cli.listing import list_calls

    given = options(data=data, postgres=postgres, tenant=tenant)
    do(lambda settings: list_calls(settings, limit), given)


@calls_app.command(name="show")
def calls_show(
    call: str,
    /,
    *,
    picture: Annotated[
        Path | None, Parameter(help="Draw where each wait went there, as SVG.")
    ] = None,
    data: Data = None,
    postgres: Postgres = None,
    tenant: Tenant = None,
) -> None:
    """Show one call: its row, turns, tools and where each wait went."""
    from services.cli.listing import show_call

    given = options(data=data, postgres=postgres, tenant=tenant)
    do(lambda settings: show_call(settings, call, picture), given)


@app.command
def prices(
    *,
    load: Annotated[
        Path | None, Parameter(help="A TOML file whose prices take the place of all others.")
    ] = None,
    data: Data = None,
    postgres: Postgres = None,
) -> None:
    """List what outside services cost, as calls are priced by."""
    from services.cli.pricing import prices as work

    given = options(data=data, postgres=postgres)
    do(lambda settings: work(settings, load), given)


@projections_app.default
def projections(
    *, as_json: AsJson = False, data: Data = None, nats: Nats = None, postgres: Postgres = None
) -> None:
    """How far each projection has read the log, and which calls it does not follow."""
    from services.cli.projecting import projections as work

    do(lambda settings: work(settings, as_json), options(data=data, nats=nats, postgres=postgres))


@projections_app.command(name="retry")
def projections_retry(
    name: str | None = None,
    /,
    *,
    data: Data = None,
    nats: Nats = None,
    postgres: Postgres = None,
) -> None:
    """Make the rows of parked calls anew, and follow them again; of one projection, or of all."""
    from services.cli.projecting import retry

    do(lambda settings: retry(settings, name), options(data=data, nats=nats, postgres=postgres))


@app.command
def rebuild(
    *names: Annotated[str, Parameter(help="Projections.")],
    all: Annotated[bool, Parameter(negative=(), help="Every projection.")] = False,
    rollback: Annotated[
        bool, Parameter(negative=(), help="Go back to the tables of before the last rebuild.")
    ] = False,
    workers: Annotated[int | None, Parameter(help="Processes; else one for each core.")] = None,
    check: Annotated[
        bool, Parameter(help="Compare finished calls with the present tables first.")
    ] = True,
    data: Data = None,
    nats: Nats = None,
    postgres: Postgres = None,
) -> None:
    """Make tables anew from the log, beside those that serve; then let them take over."""
    from services.cli.rebuilding import rebuild_command, rollback_command

    if all == bool(names):
        fail("Name projections, or give --all.")
    given = options(data=data, nats=nats, postgres=postgres)
    if rollback:
        do(lambda settings: rollback_command(settings, names), given)
    do(lambda settings: rebuild_command(settings, names, workers, check), given)


@app.command(name="compile")
def compile_sources() -> None:
    """Make machine code of what fills tables, so that 'rebuild' is faster. Needs a C compiler."""
    from services.cli.compiling import compile_command

    do(compile_command, {})


@app.command
def replay(
    call: str,
    /,
    *,
    at: Annotated[int | None, Parameter(help="The actor's exact state after this event.")] = None,
    as_json: AsJson = False,
    data: Data = None,
    nats: Nats = None,
    tenant: Tenant = None,
) -> None:
    """Go through a recorded call and check that it adds up, or show the state after one event."""
    from services.cli.replaying import replay as work

    given = options(data=data, nats=nats, tenant=tenant)
    do(lambda settings: work(settings, call, at, as_json), given)


@app.command
def verify(
    call: str | None = None,
    /,
    *,
    all: Annotated[bool, Parameter(negative=(), help="Every call in the log.")] = False,
    tables: Annotated[bool, Parameter(help="Compare the tables, too.")] = True,
    as_json: AsJson = False,
    data: Data = None,
    nats: Nats = None,
    postgres: Postgres = None,
    tenant: Tenant = None,
) -> None:
    """Check that nothing was lost or changed: numbers, hash chain, owners, facts and tables."""
    from services.cli.verifying import verify_command as work

    if all == (call is not None):
        fail("Name one call, or give --all.")
    given = options(data=data, nats=nats, postgres=postgres, tenant=tenant)
    do(lambda settings: work(settings, call, tables, as_json), given)


@app.command
def archive(
    *,
    once: Annotated[
        bool, Parameter(negative=(), help="One run; else it goes on once an hour.")
    ] = False,
    older_than: Annotated[float | None, Parameter(help="Days since the call's end.")] = None,
    whole_days: Annotated[
        bool, Parameter(negative=(), help="Only up to the last midnight, UTC, that is so old.")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative=(), help="Only say what would go.")] = False,
    to: Annotated[str | None, Parameter(help="A folder or s3://bucket/prefix.")] = None,
    expire: Annotated[
        bool, Parameter(negative=(), help="End archiving: the log forgets by age again.")
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
    nats: Nats = None,
) -> None:
    """Move calls that ended long ago from the log to the archive, for all tenants."""
    from services.cli.archiving import archive_command, expire_command

    given = options(data=data, nats=nats, archive=to, archive_after_days=older_than)
    if expire:
        do(expire_command, given)
    told = {"once": once, "whole_days": whole_days, "dry": dry_run, "as_json": as_json}
    do(lambda settings: archive_command(settings, **told), given)


@app.command
def erase(
    *,
    call: Annotated[str | None, Parameter(help="One call, by its id.")] = None,
    caller: Annotated[
        str | None, Parameter(help="All calls of this number; '-': asked for, seen by nobody.")
    ] = None,
    by: Annotated[str, Parameter(help="Who wants it; else the user of this machine.")] = "",
    reason: Annotated[str, Parameter(help="Why. Both stay in the log.")] = "",
    yes: Annotated[bool, Parameter(negative=(), help="Do not ask.")] = False,
    data: Data = None,
    nats: Nats = None,
    postgres: Postgres = None,
    tenant: Tenant = None,
) -> None:
    """Make what callers said, and who they were, unreadable for ever: log, archive and tables."""
    from services.cli.erasing import erase as work

    if (call is None) == (caller is None):
        fail("Name one call with --call, or a number with --caller.")
    given = options(data=data, nats=nats, postgres=postgres, tenant=tenant)
    do(lambda settings: work(settings, call, caller, by, reason, yes), given)
