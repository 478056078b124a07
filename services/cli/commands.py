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
from infra.children import ChildFailed
from infra.data_folder import AlreadyRunning, MadeForOtherNodes
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
    BadId,
    BusUnavailable,
    ChildFailed,
    JournalUnavailable,
    MadeForOtherNodes,
    NoSuchCall,
    NoSuchEvent,
    NothingRuns,
    PostgresUnavailable,
)


def _do(work: Callable[[Settings], Coroutine[Any, Any, int | None]], given: dict[str, Any]) -> None:
    """Run a command with its settings; what users can mend is said in one sentence."""
    from services.audio.errors import AudioError
    from services.cli.agent_file import AgentFileError
    from services.cli.caller import CallRefused

    try:
        settings = configuration.from_environment(given)
        code = run(work(settings), settings.log_level)
    except (*_EXPECTED, BadSetting, AgentFileError, AudioError, CallRefused) as expected:
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
