"""Roles as processes of their own, to be killed and started again: `partyline serve` many times.

A fleet never leaves a process behind: each is tethered to this one (`infra/tethered.py`) and ends
by SIGKILL when we do, for one that was paused would not see anything softer.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from infra import tethered
from infra.children import side_by_side
from services.cli.places import Places
from services.cli.roles import Role
from services.cli.settings import variable

READY_WITHIN_S: Final = 60.0  # on a busy machine
STOPPED_WITHIN_S: Final = 20.0  # after SIGTERM; gateways see their lines' last events stored
_READY: Final = b"Partyline serves "
_TETHERED: Final = Path(tethered.__file__)

State = Literal["down", "starting", "up", "paused"]


class NotServing(Exception):
    """A process ended before it served, or took too long. Says where its log is."""


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of a fleet is to do."""

    name: str  # unique in the fleet; of its log file
    roles: tuple[Role, ...]
    places: Places
    port: int = 0  # of its gateway
    settings: Mapping[str, str] = {}  # further ones, by their names


class Serving:
    """One `partyline serve`, started and ended any number of times."""

    def __init__(self, crew: Crew, folder: Path) -> None:
        """`folder`: where its log is kept, over all its lives."""
        self.crew: Final = crew
        self.log: Final = folder / f"{crew.name}.log"
        self.state: State = "down"
        self.lives = 0
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last; 0: none yet."""
        return self._process.pid if self._process else 0

    @property
    def url(self) -> str:
        """Where its gateway listens; empty when it has none."""
        return f"http://127.0.0.1:{self.crew.port}" if self.crew.port else ""

    @property
    def collapsed(self) -> bool:
        """It ended though nobody here ended it."""
        ended = self._process is not None and self._process.returncode is not None
        return ended and self.state in ("up", "paused")

    async def start(self) -> None:
        """Return when it serves. Raises NotServing; nothing runs then."""
        if self.state != "down" and not self.collapsed:
            return
        self.state, self.lives = "starting", self.lives + 1
        try:
            self._process = await self._spawn()
            await self._become_ready(self._process)
        except BaseException:
            await self.kill()
            raise
        self.state = "up"

    async def kill(self) -> None:
        """End it as a power cut would: SIGKILL. Returns when it is gone."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> bool:
        """Ask it to end in order, with SIGTERM. False when it took too long and force was used."""
        self.resume()
        return await self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Stop the clock for it: SIGSTOP."""
        if self.state == "up":
            self._signal(signal.SIGSTOP)
            self.state = "paused"

    def resume(self) -> None:
        """Let it go on as if nothing had happened: SIGCONT."""
        if self.state == "paused":
            self._signal(signal.SIGCONT)
            self.state = "up"

    async def _end(self, how: signal.Signals) -> bool:
        process = self._process
        self.state = "down"
        if process is None or process.returncode is not None:
            return True
        self._signal(how)
        try:
            async with asyncio.timeout(STOPPED_WITHIN_S):
                await process.wait()
        except TimeoutError:
            return False
        finally:
            if process.returncode is None:
                self._signal(signal.SIGKILL)
                await process.wait()
        return True

    def _signal(self, which: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # ended; the loop has yet to hear of it
                self._process.send_signal(which)

    async def _spawn(self) -> asyncio.subprocess.Process:
        tether = (sys.executable, "-I", "-S", str(_TETHERED), str(os.getpid()))
        with self.log.open("ab") as log:
            log.write(f"--- life {self.lives} at {time.time():.3f}\n".encode())
            log.flush()
            return await asyncio.create_subprocess_exec(
                *(*tether, str(int(signal.SIGKILL))),
                *(sys.executable, "-m", "services.cli", "serve", *self.crew.roles),
                *("--data", str(self._folder / self.crew.name)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
                env=_environment(self.crew),
            )

    async def _become_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN_S):
                async for line in process.stdout:
                    if line.startswith(_READY):
                        return
                await process.wait()
        code = "" if process.returncode is None else f" (exit code {process.returncode})"
        raise NotServing(f"{self.crew.name} does not serve{code}; its log is {self.log}")


@asynccontextmanager
async def fleet(crews: Sequence[Crew], folder: Path) -> AsyncIterator[dict[str, Serving]]:
    """Processes by name, all serving; killed on the way out, however that is.

    Raises: NotServing when one does not start.
    """
    processes = _assembled(crews, folder)
    try:
        await side_by_side(*(each.start() for each in processes.values()))
        yield processes
    finally:
        await asyncio.shield(asyncio.gather(*(each.kill() for each in processes.values())))


def _assembled(crews: Sequence[Crew], folder: Path) -> dict[str, Serving]:
    folder.mkdir(parents=True, exist_ok=True)
    return {crew.name: Serving(crew, folder) for crew in crews}


def _environment(crew: Crew) -> dict[str, str]:
    """Ours, and the crew's settings: addresses hold credentials, which no command line shows."""
    told: dict[str, str] = {
        "nats": crew.places.nats,
        "master_key_file": crew.places.master_key,
        "postgres": crew.places.postgres,
        "qdrant": crew.places.qdrant,
        **({"port": str(crew.port)} if crew.port else {}),
        **crew.settings,
    }
    own = {variable(name): value for name, value in told.items() if value}
    return {**os.environ, **own, "PYTHONUNBUFFERED": "1", "COLUMNS": "400"}
