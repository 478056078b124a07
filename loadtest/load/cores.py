"""Which core does what: the system under test on one, those who call it on the other."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

_ALL: Final = sorted(os.sched_getaffinity(0))


class Cores(NamedTuple):
    """Both the same where the machine has but one."""

    system: int
    callers: int  # and PostgreSQL, whose cost is counted but is on nobody's way in a call


CORES: Final = Cores(_ALL[0], _ALL[-1])


@contextmanager
def on(core: int) -> Iterator[None]:
    """Processes started during the block run there, and so do their children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pids: Iterable[int], core: int) -> None:
    """Have running processes, all their threads included, go there."""
    for thread in _threads(pids):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, {core})


@contextmanager
def ahead(pids: Iterable[int]) -> Iterator[None]:
    """During the block running processes never wait for a core that an ordinary one has.

    Where that is not allowed, they wait.
    """
    known = list(pids)
    _schedule(known, os.SCHED_RR | os.SCHED_RESET_ON_FORK, 1)
    try:
        yield
    finally:
        _schedule(known, os.SCHED_OTHER, 0)


def _schedule(pids: Iterable[int], policy: int, priority: int) -> None:
    for thread in _threads(pids):
        with suppress(ProcessLookupError, PermissionError):
            os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _threads(pids: Iterable[int]) -> Iterator[int]:
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended
            yield from map(int, os.listdir(f"/proc/{pid}/task"))
