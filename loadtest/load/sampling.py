"""Call stacks of running Python processes, by py-spy: it reads their memory and stops none.

Each process has a py-spy of its own, on the callers' core. It needs root, CAP_SYS_PTRACE, or a
kernel where `kernel.yama.ptrace_scope` is 0 and both belong to one user.

Two things would make it see what is not so. Without stopping a process it learns first that it is
at work, and then in what; short work is over by then. So only a thread that holds Python's lock
counts, and one that waits in a system call has let go of it. And a py-spy that has to wait for a
core looks whenever the callers have just spoken, so it and what it looks at go ahead of others.
"""

import asyncio
import contextlib
import re
import signal
import subprocess
import sysconfig
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from loadtest.load.cores import CORES, ahead, on
from loadtest.load.parts import Found, attributed
from loadtest.load.profile import Stacks
from loadtest.proc import waited_s

RATE_HZ: Final = 197  # no part of the frames' 20 ms; py-spy's own intervals vary around it, too
_PROGRAM: Final = Path(sysconfig.get_path("scripts")) / "py-spy"
_SAMPLES: Final = b"Sampling process"
_FAILED: Final = re.compile(rb"Errors: (\d+)")
_STOPPED_WITHIN_S: Final = 20.0  # it has yet to write the file


class CannotSample(Exception):
    """py-spy cannot read a process. Says why."""


class _Spy(NamedTuple):
    """One that is at work."""

    program: str
    pid: int  # of what it looks at
    waited_s: float  # for a core, before
    file: Path
    process: asyncio.subprocess.Process


@asynccontextmanager
async def sampling(programs: Mapping[str, Sequence[int]]) -> AsyncIterator[dict[str, Stacks]]:
    """Look at these processes, by their programs' names, during the block.

    What is yielded is empty in the block and filled after it. Raises CannotSample.
    """
    seen: dict[str, Stacks] = {}
    with tempfile.TemporaryDirectory(prefix="partyline-stacks-") as folder:
        spies: list[_Spy] = []
        try:
            for program, pids in programs.items():
                spies += [await _spy(program, pid, Path(folder)) for pid in pids]
            with ahead(pid for spy in spies for pid in (spy.pid, spy.process.pid)):
                yield seen
            for program in programs:
                seen[program] = await _stacks([spy for spy in spies if spy.program == program])
        finally:
            await _end(spies)


async def _spy(program: str, pid: int, folder: Path) -> _Spy:
    """Returns when it samples."""
    if not _PROGRAM.exists():
        raise CannotSample("py-spy is not installed: run ./just setup")
    file = folder / str(pid)
    command = (str(_PROGRAM), "record", "--nonblocking", "--gil", "--format", "raw", "--nolineno")
    with on(CORES.callers):
        process = await asyncio.create_subprocess_exec(
            *(*command, "--rate", str(RATE_HZ), "--output", str(file), "--pid", str(pid)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us
        )
    assert process.stdout is not None
    async for line in process.stdout:
        if _SAMPLES in line:
            return _Spy(program, pid, waited_s(pid), file, process)
    _, said = await process.communicate()
    raise CannotSample(_reason(program, said.decode(errors="replace")))


def _reason(program: str, said: str) -> str:
    reason = next(iter(said.splitlines()), "it says nothing")
    if reason.startswith("Permission Denied"):
        reason = "it needs root, CAP_SYS_PTRACE, or kernel.yama.ptrace_scope = 0"
    return f"py-spy cannot read the process of {program}: {reason.removeprefix('Error: ')}"


async def _stacks(spies: Iterable[_Spy]) -> Stacks:
    samples, rest, failed, waited = Counter[str](), Counter[str](), 0, 0.0
    for spy in spies:
        with contextlib.suppress(ProcessLookupError):  # it has ended, and its spy with it
            waited += waited_s(spy.pid) - spy.waited_s
            spy.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(_STOPPED_WITHIN_S):
            said, _ = await spy.process.communicate()
        found = attributed(spy.file.read_text("utf-8") if spy.file.exists() else "")
        samples += found.samples
        rest += found.rest
        failed += sum(map(int, _FAILED.findall(said)))
    return Stacks(
        found=Found(samples=samples, rest=rest), failed=failed, rate_hz=RATE_HZ, waited_s=waited
    )


async def _end(spies: Iterable[_Spy]) -> None:
    for spy in spies:
        if spy.process.returncode is None:
            spy.process.kill()
            await spy.process.wait()
