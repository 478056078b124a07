"""Processes that a killed owner left running."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


async def end_leftover(
    pid_file: Path, mark: str, stop: signal.Signals, killed_after_s: float
) -> None:
    """End the process a pid file names, if it still is ours, and return when it is gone.

    On Linux the kernel has told it already, and it is only waited for.
    """
    pid = _pid_in(pid_file)
    if pid is None:
        return
    last_chance_s = time.monotonic() + killed_after_s
    wish: signal.Signals | None = stop
    while runs(pid, mark):
        if wish is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, wish)
        await asyncio.sleep(0.02)
        wish = signal.SIGKILL if time.monotonic() > last_chance_s else None


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None


def runs(pid: int, mark: str) -> bool:
    """Whether process `pid` is alive and has `mark` on its command line (pids are used again)."""
    proc = Path("/proc")
    if (proc / "self" / "cmdline").exists():
        try:
            return os.fsencode(mark) in (proc / str(pid) / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
    ps = ("ps", "-ww", "-o", "args=", "-p", str(pid))
    return os.fsencode(mark) in subprocess.run(ps, capture_output=True, check=False).stdout
