"""What processes cost, read from Linux's /proc."""

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Cost(NamedTuple):
    """Of one process so far."""

    cpu_s: float
    rss_mib: float
    kernel_s: float = 0.0  # of the CPU in system calls


def cost(pid: int) -> Cost:
    """CPU seconds used and memory resident now. Raises ProcessLookupError."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    user_s, kernel_s = int(stat[11]) * _TICK_S, int(stat[12]) * _TICK_S
    return Cost(user_s + kernel_s, pages * _PAGE_BYTES / 2**20, kernel_s)


def waited_s(pid: int) -> float:
    """Seconds for which its main thread had work and no core. Raises ProcessLookupError."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None


def descriptors(pid: int) -> int:
    """Files and sockets it has open. Raises ProcessLookupError."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None


def family(pid: int) -> dict[str, list[int]]:
    """A process and all below it, by the program's name."""
    found: dict[str, list[int]] = {}
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            name = Path(f"/proc/{one}/comm").read_text().strip()
            tasks = Path(f"/proc/{one}/task").iterdir()
            waiting += [int(c) for task in tasks for c in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.setdefault(name, []).append(one)
    return found


def folder_mib(folder: Path) -> float:
    """What a folder takes on disk."""
    blocks = (file.stat().st_blocks for file in folder.rglob("*") if file.is_file())
    return sum(blocks) * 512 / 2**20


def steal_s() -> float:
    """Seconds the hypervisor took from this machine since it started."""
    return int(Path("/proc/stat").read_text().split("\n")[0].split()[8]) * _TICK_S
