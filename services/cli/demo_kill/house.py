"""The platform as processes of their own, two for each role, so that any one may be killed."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from msgspec.structs import replace

from infra.cancelling import end_tasks
from infra.loopback_ports import free_port
from services.cli.fleet import Crew, NotServing, Serving, fleet
from services.cli.places import Places
from services.cli.roles import Role
from services.cli.settings import Settings

CREWS: Final[dict[str, tuple[Role, ...]]] = {
    "gateway": ("gateway",),
    "stt": ("stt",),
    "dialog": ("dialog",),
    "voice": ("rag", "tts"),
    "projections": ("projections",),
}
_EACH: Final = 2  # processes of a crew: one may be down
_ORIGIN: Final = "http://partyline.test"  # one address for both gateways, as behind a balancer
_NOBODY: Final = "http://127.0.0.1:9"  # the discard port


class House:
    """What runs. A process that is killed here is started again beside the call."""

    def __init__(self, processes: dict[str, Serving]) -> None:
        self._failed: Final[list[str]] = []
        self._processes = processes
        self._reviving: set[asyncio.Task[None]] = set()

    @property
    def gateways(self) -> list[str]:
        """Where they listen."""
        return [each.url for each in self._processes.values() if each.url]

    @property
    def trouble(self) -> list[str]:
        """What did not start again, or ended though nobody killed it."""
        fallen = [f"{name} ended by itself" for name, p in self._processes.items() if p.collapsed]
        return [*self._failed, *fallen]

    def name(self, pid: int) -> str:
        """What the process is called here; '' when it is none of ours."""
        return next((name for name, p in self._processes.items() if p.pid == pid), "")

    async def kill(self, pid: int) -> None:
        """SIGKILL; its like is started in its place. Raises KeyError when it is none of ours."""
        process = self._processes[self.name(pid)]
        await process.kill()
        self._reviving.add(asyncio.create_task(self._revive(process)))

    async def whole(self) -> None:
        """Return when all that was killed runs again."""
        await asyncio.gather(*self._reviving)

    async def close(self) -> None:
        """Start nothing more."""
        await end_tasks(self._reviving)

    async def _revive(self, process: Serving) -> None:
        try:
            await process.start()
        except NotServing as failed:
            self._failed.append(str(failed))


@asynccontextmanager
async def house(places: Places, settings: Settings) -> AsyncIterator[House]:
    """All roles serving, each in two processes, until the block is left. Raises NotServing."""
    folder = settings.data / "processes"
    async with fleet(_crews(places, settings), folder) as processes:
        here = House(processes)
        try:
            yield here
        finally:
            await here.close()


def _crews(places: Places, settings: Settings) -> list[Crew]:
    common = {
        "token_secret": settings.token_secret or secrets.token_hex(16),
        "public_origin": settings.public_origin or _ORIGIN,
        "health_port": "0",
        "busy_ms": "0",  # its one call is taken however slow the machine is
    }
    if settings.twilio_account_sid:  # a lost line is asked back over REST: not a call like ours
        common["twilio_url"] = _NOBODY
    return [
        Crew(
            name=f"{crew}-{number}",
            roles=roles,
            places=replace(places, qdrant=str(settings.data / "qdrant" / f"{crew}-{number}")),
            port=free_port() if "gateway" in roles else 0,
            settings=common,
        )
        for crew, roles in CREWS.items()
        for number in range(1, _EACH + 1)
    ]
