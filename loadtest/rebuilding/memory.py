"""What processes held at most, read from Linux's /proc while they worked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from infra.cancelling import end_tasks
from loadtest.proc import family
from loadtest.rebuilding.figures import Memory

_EVERY_S: Final = 0.25  # a look takes 2 ms
_KIB: Final = 1024
_MB: Final = 1_000_000


class Watch:
    """Peaks so far."""

    def __init__(self, servers: int) -> None:
        """`servers`: process below which PostgreSQL and NATS run."""
        self._servers = servers
        self._peaks: dict[int, int] = {}  # KiB, by process
        self._postgres = self._nats = 0  # KiB

    def look(self, ours: int) -> None:
        """At this moment: `ours` and all processes below it, and the servers."""
        for pid in (pid for pids in family(ours).values() for pid in pids):
            self._peaks[pid] = max(self._peaks.get(pid, 0), _status(pid).get("VmHWM", 0))
        below = family(self._servers)
        postgres = [_status(pid) for pid in below.get("postgres", ())]
        shared = max((each.get("RssShmem", 0) for each in postgres), default=0)
        alone = sum(each.get("RssAnon", 0) + each.get("RssFile", 0) for each in postgres)
        nats = sum(_status(pid).get("VmRSS", 0) for pid in below.get("nats-server", ()))
        self._postgres, self._nats = max(self._postgres, shared + alone), max(self._nats, nats)

    @property
    def memory(self) -> Memory:
        """What was found. Peaks of one process each are added, though they are not of one moment:
        the true peak is no higher."""
        found = (sum(self._peaks.values()), self._postgres, self._nats)
        ours, postgres, nats = (round(kib * _KIB / _MB, 1) for kib in found)
        return Memory(ours=ours, postgres=postgres, nats=nats)


@asynccontextmanager
async def watched(ours: int, watch: Watch) -> AsyncIterator[None]:
    """Look again and again during the block."""

    async def go_on() -> None:
        while True:
            watch.look(ours)
            await asyncio.sleep(_EVERY_S)

    watching = asyncio.create_task(go_on())
    try:
        yield
    finally:
        await end_tasks([watching])


def _status(pid: int) -> dict[str, int]:
    """The sizes of https://man7.org/linux/man-pages/man5/proc_pid_status.5.html, in KiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    pairs = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(size) for name, size, _ in pairs}
