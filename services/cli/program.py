"""What all commands share: the program, its options, and how a command is run."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from services.cli import settings as configuration
from services.cli.settings import Settings
from services.cli.terminal import fail, run

app: Final = App(
    name="partyline",
    help="Voice agents on an event log: calls that can be watched, replayed and taken over.",
    help_format="plaintext",  # Markdown takes a quarter of a second to import
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


def do(work: Callable[[Settings], Coroutine[Any, Any, int | None]], given: dict[str, Any]) -> None:
    """Run a command with its settings; what users can mend is said in one sentence."""
    try:
        settings = configuration.from_environment(given)
        code = run(work(settings), settings.log_level)
    except _expected() as expected:
        fail(str(expected))
    except _no_gateway():
        fail("The gateway does not answer. Start it with 'partyline up', or give another --url.")
    except OSError as failed:
        fail(f"{failed.filename or 'The system says'}: {failed.strerror or type(failed).__name__}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(code or 0)


def options(**given: Any) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in given.items() if value is not None}


def _expected() -> tuple[type[Exception], ...]:
    """Imported when something failed: the program starts fast, and this is nearly all of it."""
    from services.cli.expected import EXPECTED

    return EXPECTED


def _no_gateway() -> type[Exception]:
    from aiohttp import ClientConnectionError

    return ClientConnectionError
