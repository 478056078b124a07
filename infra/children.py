"""Programs that run beside us: started, watched, restarted when they die, never left behind."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from infra.cancelling import stop_if_cancelled
from infra.leftovers import end_leftover

# Waits before each new try after a death; then it is given up.
BACKOFF_S: Final = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
STEADY_S: Final = 10.0  # a child that lived this long gets all its tries again
READY_WITHIN_S: Final = 30.0
STOPPED_WITHIN_S: Final = 10.0
_LOG_KEPT_BYTES: Final = 8_000_000  # a longer log is moved to `.1` at start
_TETHERED: Final = Path(__file__).with_name("tethered.py")

logger = logging.getLogger(__name__)


class ChildFailed(Exception):
    """A program did not become ready, or died too often in a row. Quotes its last words."""


class NotReady(Exception):
    """What a readiness check raises while asking again makes sense."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and how to tell that it works."""

    name: str
    needless: bool = False  # calls go on without it, so it is started again without end
    argv: tuple[str, ...]
    mark: str  # an argument only it has in all the machine: tells it from a stranger with its pid
    log: Path  # what it prints is appended here
    pid_file: Path
    stop: signal.Signals  # asks it to end in order; also what it gets when we die
    ready: Callable[[], Awaitable[None]]  # raises NotReady for "not yet"
    prepare: Callable[[], None] | None = None  # before each start, when no earlier one runs
    not_root: Path | None = None  # it refuses root: the folder that must belong to its uid


class Child:
    """One program, kept running between `start` and `stop`."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: asyncio.subprocess.Process | None = None
        self._log_starts_bytes = 0  # where the log of the present process begins
        self._ready_s = 0.0  # when it last became ready, on the monotonic clock

    async def start(self) -> None:
        """Return when the program is ready. Raises ChildFailed; nothing runs then."""
        await self._end_leftover()
        if self.program.prepare is not None:
            self.program.prepare()
        self._log_starts_bytes = _open_log(self.program.log)
        self._process = await spawn(self.program)
        try:
            self.program.pid_file.write_text(str(self._process.pid))
            await self._become_ready(self._process)
        except BaseException:
            await self.stop()
            raise
        self._ready_s = time.monotonic()

    async def keep(self) -> None:
        """Start the program whenever it dies. Ends only by ChildFailed, when it is hopeless."""
        waits = iter(BACKOFF_S)
        while True:
            assert self._process is not None
            await self._process.wait()
            logger.error("%s; starting it again", self._obituary("died"))
            if time.monotonic() - self._ready_s > STEADY_S:
                waits = iter(BACKOFF_S)
            await self._start_again(waits)
            logger.warning("%s is back", self.program.name)

    async def stop(self) -> None:
        """End it: first by asking, then, after STOPPED_WITHIN_S, by force. Twice is harmless."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        try:
            _signal(process, self.program.stop)
            async with asyncio.timeout(STOPPED_WITHIN_S):
                await process.wait()
        except TimeoutError:
            logger.warning("%s did not stop in %g s: killed", self.program.name, STOPPED_WITHIN_S)
        finally:
            if process.returncode is None:
                _signal(process, signal.SIGKILL)
                await process.wait()

    async def _end_leftover(self) -> None:
        program = self.program
        await end_leftover(program.pid_file, program.mark, program.stop, STOPPED_WITHIN_S)

    async def _start_again(self, waits: Iterator[float]) -> None:
        for wait_s in waits:
            await asyncio.sleep(wait_s)
            try:
                return await self.start()
            except (ChildFailed, OSError) as failed:
                logger.error("%s", failed)
        while self.program.needless:  # others go on without it, and go back to it when it is there
            await asyncio.sleep(BACKOFF_S[-1])
            with contextlib.suppress(ChildFailed, OSError):
                return await self.start()
        raise ChildFailed(self._obituary(f"died {len(BACKOFF_S) + 1} times in a row, given up:"))

    async def _become_ready(self, process: asyncio.subprocess.Process) -> None:
        """Ask until it is ready, it ends, or the time is over."""
        ready = asyncio.create_task(_ask(self.program.ready))
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait(
                (ready, ended), timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
            )
            if ready.done():
                return await ready
            trouble = "ended" if ended.done() else f"was not ready in {READY_WITHIN_S:g} s,"
            raise ChildFailed(self._obituary(trouble))
        finally:
            await _cancelled(ready, ended)

    def _obituary(self, what: str) -> str:
        assert self._process is not None
        code, log = self._process.returncode, self.program.log
        with log.open("rb") as file:
            file.seek(max(self._log_starts_bytes, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()[-6:]
        said = "".join(f"\n    {line}" for line in lines) or " nothing"
        return f"{self.program.name} {what} (exit code {code}); it said last ({log}):{said}"


async def spawn(program: Program) -> asyncio.subprocess.Process:
    """Start `program` tethered to this process.

    It gets a session of its own: Ctrl-C in the terminal reaches only us, so that we can stop it
    after those who use it.
    """
    not_root = ("--not-root", str(program.not_root)) if program.not_root else ()
    with program.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_TETHERED), str(os.getpid()), str(int(program.stop))),
            *(*not_root, *program.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_environment(),
        )


@contextlib.asynccontextmanager
async def kept_running(*children: Child) -> AsyncIterator[None]:
    """Watch started children during the block.

    When one can't be kept, cancels the block and raises ChildFailed in its place.
    """
    block, hopeless = asyncio.current_task(), asyncio.Event()
    assert block is not None

    async def watch(child: Child) -> None:
        try:
            await child.keep()
        except Exception:
            hopeless.set()
            block.cancel()
            raise

    watches = [asyncio.create_task(watch(child)) for child in children]
    try:
        yield
    except asyncio.CancelledError:
        if not hopeless.is_set() or block.uncancel() > 0:
            raise
    finally:
        failures = await _cancelled(*watches)
    for failure in failures:
        raise failure


async def side_by_side(*steps: Awaitable[None]) -> None:
    """Await all at once. The first failure cancels the others, waits for them, and is raised."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        await _cancelled(*tasks)


def _signal(process: asyncio.subprocess.Process, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended; the loop has yet to hear of it
        process.send_signal(which)


async def _ask(ready: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await ready()
        except NotReady:
            stop_if_cancelled()  # the check may have swallowed it, and would be asked for ever
            await asyncio.sleep(0.01)


async def _cancelled(*tasks: asyncio.Future[None] | asyncio.Future[int]) -> list[Exception]:
    """Cancel what still runs, wait for it, and return the failures there were."""
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


def _open_log(log: Path) -> int:
    """Make room in the log; the place, in bytes, where the next process begins to write."""
    size_bytes = log.stat().st_size if log.exists() else 0
    if size_bytes <= _LOG_KEPT_BYTES:
        return size_bytes
    log.replace(log.with_name(log.name + ".1"))
    return 0


def _environment() -> dict[str, str]:
    """Ours, without PGPORT, PGDATA and the like: they would override what we tell the child."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
