"""The commands and their options; each command's work has a module of its own."""

import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import aiohttp
from cyclopts import App, Parameter

from contracts.ids import BadId
from contracts.journal import JournalUnavailable
from contracts.seal import Locked
from infra.archive.errors import ArchiveError
from infra.archive.lease import LeaseLost, OtherArchiver
from infra.children import ChildFailed
from infra.data_folder import AlreadyRunning, MadeForOtherNodes
from infra.master_key import BadMasterKey
from infra.nats import BusUnavailable
from infra.postgres import PostgresUnavailable
from services.cli import settings as configuration
from services.cli.places import NothingRuns
from services.cli.recorded import NoSuchCall, NoSuchEvent
from services.cli.settings import BadSetting, Settings
from services.cli.terminal import fail, run

STARTED: Final = time.monotonic()
app: Final = App(
    name="partyline",
    help="Voice agents on an event log: calls that can be watched, replayed and taken over.",
)
agent_app: Final = App(name="agent", help="Agents: what callers talk to.")
calls_app: Final = App(name="calls", help="Calls: what was said.")
app.command(agent_app)
app.command(calls_app)
projections_app: Final = App(name="projections", help="Tables: how far behind the log they are.")
app.command(projections_app)

Data = Annotated[Path | None, Parameter(help="Folder of the embedded servers' data.")]
Nats = Annotated[str | None, Parameter(help="NATS server, nats://TOKEN@host:4222.")]
Postgres = Annotated[str | None, Parameter(help="PostgreSQL, postgresql://user@host/database.")]
Qdrant = Annotated[str | None, Parameter(help="Qdrant, http://host:6333, or a folder.")]
NatsNodes = Annotated[Literal[1, 3] | None, Parameter(help="Embedded NATS servers.")]
Host = Annotated[str | None, Parameter(help="Address the gateway listens on.")]
Port = Annotated[int | None, Parameter(help="Port the gateway listens on.")]
Origin = Annotated[str | None, Parameter(help="How carriers reach the gateway, https://...")]
Tenant = Annotated[str | None, Parameter(help="Whose calls and agents these are.")]
MediaAuth = Annotated[
    bool | None, Parameter(negative="--no-media-auth", help="Require the one-time media token.")
]
AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON for other programs.")]

_EXPECTED: Final = (
    AlreadyRunning,
    ArchiveError,
    BadId,
    BadMasterKey,
    BadSetting,
    BusUnavailable,
    ChildFailed,
    JournalUnavailable,
    LeaseLost,
    Locked,
    MadeForOtherNodes,
    NoSuchCall,
    NoSuchEvent,
    NothingRuns,
    OtherArchiver,
    PostgresUnavailable,
)


def _do(work: Callable[[Settings], Coroutine[Any, Any, int | None]], given: dict[str, Any]) -> None:
    """Run a command with its settings; what users can mend is said in one sentence."""
    from projections.costs.prices import BadPrices
    from projections.reading import LogAway
    from projections.rebuild import AlreadyRebuilding, Deviated, NothingKept, WorkerDied
    from services.audio.errors import AudioError
    from services.cli.agent_file import AgentFileError
    from services.cli.caller import CallRefused
    from services.cli.not_erased import NotErased

    try:
        settings = configuration.from_environment(given)
        code = run(work(settings), settings.log_level)
    except (*_EXPECTED, AgentFileError, AudioError, BadPrices, CallRefused, NotErased) as expected:
        fail(str(expected))
    except (AlreadyRebuilding, Deviated, LogAway, NothingKept, WorkerDied) as expected:
        fail(str(expected))
    except aiohttp.ClientConnectionError:
        fail("The gateway does not answer. Start it with 'partyline up', or give another --url.")
    except OSError as failed:
        fail(f"{failed.filename or 'The system says'}: {failed.strerror or type(failed).__name__}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(code or 0)


@app.command
def up(
    *,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    nats_port: Annotated[int | None, Parameter(help="Port of the embedded NATS.")] = None,
    nats_nodes: NatsNodes = None,
    public_origin: Origin = None,
    media_auth: MediaAuth = None,
    tenant: Tenant = None,
    example: Annotated[bool, Parameter(help="With the example agent and its diary.")] = True,
    roles: Annotated[bool, Parameter(help="With all roles; --no-roles: the servers alone.")] = True,
) -> None:
    """Run everything in one process: embedded servers and all roles, until Ctrl-C."""
    from services.cli.up import up as work

    given = _given(data=data, host=host, port=port, nats_port=nats_port, tenant=tenant)
    given |= _given(public_origin=public_origin, media_auth=media_auth, nats_nodes=nats_nodes)
    _do(lambda settings: work(settings, example and roles, roles), given)


@app.command
def serve(
    *roles: Annotated[str, Parameter(help="gateway, stt, dialog, rag, tts, projections")],
    nats: Nats = None,
    postgres: Postgres = None,
    qdrant: Qdrant = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    public_origin: Origin = None,
    media_auth: MediaAuth = None,
    tenant: Tenant = None,
    health_port: Annotated[int | None, Parameter(help="Port of GET /healthz.")] = None,
) -> None:
    """Run some roles against servers that run elsewhere, or against those of 'partyline up'."""
    from services.cli.roles import ROLES
    from services.cli.up import serve as work

    wanted = [role for role in ROLES if role in roles]
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        fail(f"Name one or more roles of {', '.join(ROLES)}.")
    given = _given(nats=nats, postgres=postgres, qdrant=qdrant, data=data, host=host, port=port)
    given |= _given(public_origin=public_origin, media_auth=media_auth, tenant=tenant)
    given |= _given(health_port=health_port)
    _do(lambda settings: work(settings, wanted), given)


@agent_app.command(name="publish")
def agent_publish(
    file: Path,
    /,
    *,
    data: Data = None,
    nats: Nats = None,
    tenant: Tenant = None,
    set: Annotated[
        list[str] | None, Parameter(help="NAME=VALUE for a {NAME} in the tools' addresses.")
    ] = None,
) -> None:
    """Store an agent's TOML file as a new revision, with its knowledge folder."""
    from services.cli.publishing import publish_file

    replacing = dict(pair.partition("=")[::2] for pair in set or [])
    given = _given(data=data, nats=nats, tenant=tenant)
    _do(lambda settings: publish_file(settings, file, replacing), given)


@app.command
def call(
    *,
    audio: Annotated[list[Path], Parameter(help="WAV files, said in turn.", consume_multiple=True)],
    url: Annotated[str, Parameter(help="The gateway, http://host:port.")] = "",
    agent: Annotated[str, Parameter(help="Who shall answer.")] = "",
    data: Data = None,
    nats: Nats = None,
    tenant: Tenant = None,
) -> None:
    """Place a call as Twilio would, speaking recorded audio, and watch it."""
    from services.cli.calling import call as work

    given = _given(data=data, nats=nats, tenant=tenant)
    _do(lambda settings: work(settings, audio, url, agent), given)


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

    given = _given(data=data, postgres=postgres, tenant=tenant)
    _do(lambda settings: list_calls(settings, limit), given)


@calls_app.command(name="show")
def calls_show(
    call: str, /, *, data: Data = None, postgres: Postgres = None, tenant: Tenant = None
) -> None:
    """Show one call: its row, turns, tools and where each wait went."""
    from services.cli.listing import show_call

    given = _given(data=data, postgres=postgres, tenant=tenant)
    _do(lambda settings: show_call(settings, call), given)


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

    given = _given(data=data, postgres=postgres)
    _do(lambda settings: work(settings, load), given)


@projections_app.default
def projections(
    *, as_json: AsJson = False, data: Data = None, nats: Nats = None, postgres: Postgres = None
) -> None:
    """How far each projection has read the log, and which calls it does not follow."""
    from services.cli.projecting import projections as work

    _do(lambda settings: work(settings, as_json), _given(data=data, nats=nats, postgres=postgres))


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

    _do(lambda settings: retry(settings, name), _given(data=data, nats=nats, postgres=postgres))


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
    given = _given(data=data, nats=nats, postgres=postgres)
    if rollback:
        _do(lambda settings: rollback_command(settings, names), given)
    _do(lambda settings: rebuild_command(settings, names, workers, check), given)


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

    given = _given(data=data, nats=nats, tenant=tenant)
    _do(lambda settings: work(settings, call, at, as_json), given)


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
    given = _given(data=data, nats=nats, postgres=postgres, tenant=tenant)
    _do(lambda settings: work(settings, call, tables, as_json), given)


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

    given = _given(data=data, nats=nats, archive=to, archive_after_days=older_than)
    if expire:
        _do(expire_command, given)
    told = {"once": once, "whole_days": whole_days, "dry": dry_run, "as_json": as_json}
    _do(lambda settings: archive_command(settings, **told), given)


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
    given = _given(data=data, nats=nats, postgres=postgres, tenant=tenant)
    _do(lambda settings: work(settings, call, caller, by, reason, yes), given)


@app.command
def doctor(
    *,
    as_json: AsJson = False,
    data: Data = None,
    nats: Nats = None,
    postgres: Postgres = None,
    port: Port = None,
) -> None:
    """Check the machine, the servers and the keys, each with its remedy."""
    from services.cli.doctor import doctor as work

    given = _given(data=data, nats=nats, postgres=postgres, port=port)
    _do(lambda settings: work(settings, as_json), given)


@app.command
def demo(
    *,
    once: Annotated[
        bool, Parameter(help="End after the call; exit 0 only if all went right.")
    ] = False,
    report: Annotated[Path | None, Parameter(help="Write what happened as JSON.")] = None,
    kill: Annotated[
        bool, Parameter(negative=(), help="Kill whatever holds the call, one by one.")
    ] = False,
    data: Data = None,
    port: Port = None,
    nats_nodes: NatsNodes = None,
) -> None:
    """Place a real call to the example agent, and show it while it goes on."""
    if kill:
        from services.cli.demo_kill.run import demo_kill as work
    else:
        from services.cli.demo import demo as work

    given = _given(data=data, port=port, nats_nodes=nats_nodes)
    _do(lambda settings: work(settings, once, report, STARTED), given)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def main() -> None:
    """The program `partyline`."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    app()
