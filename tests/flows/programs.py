"""The program as users start it: processes of their own, read by what they print."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

VOICES = Path(__file__).parents[2] / "services" / "cli" / "example" / "voices"
_BARE = ("PATH", "HOME", "LANG")


class Program:
    """A running command and what it has printed so far."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        self.printed = ""

    async def prints(self, words: str, within_s: float = 40.0) -> str:
        """The line that holds `words`. Raises AssertionError with all that was printed else."""
        assert self.child.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                while line := (await self.child.stdout.readline()).decode():
                    self.printed += line
                    if words in line:
                        return line
        except TimeoutError:
            pass
        raise AssertionError(f"'{words}' was not printed:\n{self.printed}")

    async def ends(self, within_s: float = 60.0) -> int:
        """Its exit code, once it has ended by itself."""
        assert self.child.stdout is not None
        async with asyncio.timeout(within_s):
            self.printed += (await self.child.stdout.read()).decode()
            return await self.child.wait()


@asynccontextmanager
async def partyline(*arguments: object, **environment: str) -> AsyncIterator[Program]:
    """Run a command; on the way out it is asked to stop, as Ctrl-C would."""
    bare = {name: os.environ[name] for name in _BARE if name in os.environ}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**bare, "COLUMNS": "200", "PARTYLINE_BUSY_MS": "0", **environment},
        limit=1 << 20,
    )
    program = Program(child)
    try:
        yield program
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGINT)
            await program.ends(30)


def recordings(*names: str) -> Sequence[Path]:
    """The example's recorded caller."""
    return [VOICES / f"{name}.wav" for name in names]
