"""partyline agent publish: an agent's file, from a terminal."""

from collections.abc import Mapping
from pathlib import Path

from infra.nats import connect, create_streams
from services.cli.places import find
from services.cli.publish import publish
from services.cli.settings import Settings
from services.cli.terminal import out


async def publish_file(settings: Settings, file: Path, replacing: Mapping[str, str]) -> None:
    """Publish and say what changed. Raises AgentFileError, NothingRuns."""
    bus = await connect(find(settings, "nats").nats, name="partyline agent publish")
    try:
        await create_streams(bus)
        published = await publish(bus, settings.tenant, file, replacing)
    finally:
        await bus.close()
    gone = f", {published.withdrawn} withdrawn" if published.withdrawn else ""
    revision = f"revision {published.ref.revision}"
    out.print(f"{published.ref.agent}: {revision}, {published.documents} documents{gone}.")
