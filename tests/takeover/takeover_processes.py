"""Hosts as processes of their own, to be killed, paused and asked to go."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra import tethered

HOST = Path(__file__).with_name("takeover_host.py")
TETHERED = Path(tethered.__file__)
_WITHIN_S = 30.0


class Process:
    """One host."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name, self._process = name, process

    async def kill(self) -> None:
        """As a power cut would."""
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def ask_to_go(self) -> None:
        self._signal(signal.SIGTERM)

    async def gone(self) -> int:
        """How it ended: its return code."""
        async with asyncio.timeout(_WITHIN_S):
            return await self._process.wait()

    def _signal(self, which: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(which)


class Fleet:
    """Hosts of one role; none outlives the test."""

    def __init__(self, role: str, url: str, quiet_s: float) -> None:
        self._role, self._url, self._quiet_s = role, url, quiet_s
        self._all: list[Process] = []

    async def start(self) -> Process:
        """Return when it takes claims."""
        name = f"{self._role}-{len(self._all) + 1}"
        tether = (sys.executable, "-I", "-S", str(TETHERED), str(os.getpid()))
        process = await asyncio.create_subprocess_exec(
            *(*tether, str(int(signal.SIGKILL))),  # one that is paused sees nothing softer
            *(sys.executable, str(HOST), self._role, self._url, name, str(self._quiet_s)),
            stdout=subprocess.PIPE,
        )
        self._all.append(Process(name, process))
        assert process.stdout is not None
        async with asyncio.timeout(_WITHIN_S):
            assert await process.stdout.readline() == b"ready\n"
        return self._all[-1]

    async def end(self) -> None:
        await asyncio.gather(*(process.kill() for process in self._all))


@asynccontextmanager
async def a_fleet(role: str, url: str, *, quiet_s: float = 2.0) -> AsyncIterator[Fleet]:
    """`quiet_s`: how long one that is asked to go waits for a call's quiet moment."""
    fleet = Fleet(role, url, quiet_s)
    try:
        yield fleet
    finally:
        await fleet.end()
