"""The commands that run calls; each command's work has a module of its own."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from services.cli.program import (
    AsJson,
    Data,
    Host,
    MediaAuth,
    Nats,
    NatsNodes,
    Origin,
    Port,
    Postgres,
    Qdrant,
    Tenant,
    agent_app,
    app,
    do,
    options,
)
from services.cli.started import STARTED
from services.cli.terminal import fail


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

    given = options(data=data, host=host, port=port, nats_port=nats_port, tenant=tenant)
    given |= options(public_origin=public_origin, media_auth=media_auth, nats_nodes=nats_nodes)
    do(lambda settings: work(settings, example and roles, roles), given)


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
    given = options(nats=nats, postgres=postgres, qdrant=qdrant, data=data, host=host, port=port)
    given |= options(public_origin=public_origin, media_auth=media_auth, tenant=tenant)
    given |= options(health_port=health_port)
    do(lambda settings: work(settings, wanted), given)


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
    given = options(data=data, nats=nats, tenant=tenant)
    do(lambda settings: publish_file(settings, file, replacing), given)


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

    given = options(data=data, nats=nats, tenant=tenant)
    do(lambda settings: work(settings, audio, url, agent), given)


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

    given = options(data=data, nats=nats, postgres=postgres, port=port)
    do(lambda settings: work(settings, as_json), given)


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
    vendors: Annotated[
        bool,
        Parameter(negative=(), help="By Deepgram's, Groq's and ElevenLabs' SDKs, on loopback."),
    ] = False,
    data: Data = None,
    port: Port = None,
    nats_nodes: NatsNodes = None,
) -> None:
    """Place a real call to the example agent, and show it while it goes on."""
    how: dict[str, bool] = {}
    if kill:
        from services.cli.demo_kill.run import demo_kill as work
    else:
        from services.cli.demo import demo as work

        how["loopback"] = vendors
    given = options(data=data, port=port, nats_nodes=nats_nodes)
    do(lambda settings: work(settings, once, report, STARTED, **how), given)


def main() -> None:
    """The program `partyline`."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    app()
