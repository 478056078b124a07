"""The commands for those who ask what was said: export, report, analysts."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from services.cli.program import AsJson, Data, Postgres, Tenant, app, do, options
from services.cli.terminal import fail

analysts_app = App(name="analysts", help="Analysts: who may read the views, of which tenant.")
app.command(analysts_app)

Since = Annotated[str | None, Parameter(help="From this day or time on, ISO 8601, UTC.")]
Until = Annotated[str | None, Parameter(help="Up to this day or time, which is left out.")]


@app.command
def export(
    view: Annotated[str, Parameter(help="v_calls, v_turns...: docs/views.md has all.")],
    /,
    *,
    csv: Annotated[bool, Parameter(negative=(), help="As CSV; this is what is done.")] = False,
    parquet: Annotated[bool, Parameter(negative=(), help="As Parquet.")] = False,
    since: Since = None,
    until: Until = None,
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="The file; else the output.")
    ] = None,
    data: Data = None,
    postgres: Postgres = None,
    tenant: Tenant = None,
) -> None:
    """Write all rows of a view, or those of some days, to a file."""
    from services.cli.exporting import CannotExport, Rows, known_view, moment_of
    from services.cli.exporting import export as work

    if csv and parquet:
        fail("Give --csv or --parquet.", code=2)
    try:
        checked, bounds = known_view(view), (moment_of(since), moment_of(until))
    except CannotExport as wrong:
        fail(str(wrong), code=2)

    async def exported(settings: Any) -> int:
        rows = Rows(view=checked, tenant=settings.tenant, since=bounds[0], until=bounds[1])
        try:
            return await work(settings, rows, "parquet" if parquet else "csv", output)
        except CannotExport as cannot:
            fail(str(cannot))

    do(exported, options(data=data, postgres=postgres, tenant=tenant))


@app.command
def report(
    *,
    day: Annotated[
        str | None, Parameter(help="YYYY-MM-DD, UTC; else the newest with calls.")
    ] = None,
    days: Annotated[int, Parameter(help="How many, of which that is the last.")] = 1,
    agent: Annotated[str | None, Parameter(help="Of this agent alone.")] = None,
    as_json: AsJson = False,
    data: Data = None,
    postgres: Postgres = None,
    tenant: Tenant = None,
) -> None:
    """A day's figures: calls, containment, waits, questions not covered, failures, costs."""
    from services.cli.reporting import BadDay, day_of
    from services.cli.reporting import report as work

    try:
        last = day_of(day)
    except BadDay as wrong:
        fail(str(wrong), code=2)
    if not 1 <= days <= 366:
        fail("--days takes 1 to 366.", code=2)
    do(
        lambda settings: work(settings, last, days, agent, as_json),
        options(data=data, postgres=postgres, tenant=tenant),
    )


@analysts_app.command(name="add")
def analysts_add(
    name: str,
    /,
    *,
    password_file: Annotated[
        Path | None, Parameter(help="Whose first line is the password; else one is made.")
    ] = None,
    data: Data = None,
    postgres: Postgres = None,
    tenant: Tenant = None,
) -> None:
    """Let somebody read the views of one tenant: a login of PostgreSQL that can do nothing else."""
    from services.cli.analysts import add

    settings = options(data=data, postgres=postgres, tenant=tenant)
    do(lambda each: add(each, name, password_file), settings)


@analysts_app.command(name="list")
def analysts_list(*, as_json: AsJson = False, data: Data = None, postgres: Postgres = None) -> None:
    """Who may read the views, of which tenant."""
    from services.cli.analysts import show

    do(lambda settings: show(settings, as_json), options(data=data, postgres=postgres))


@analysts_app.command(name="remove")
def analysts_remove(name: str, /, *, data: Data = None, postgres: Postgres = None) -> None:
    """Take the login away; whatever it is reading just now ends."""
    from services.cli.analysts import remove

    do(lambda settings: remove(settings, name), options(data=data, postgres=postgres))
