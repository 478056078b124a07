"""Which core does what: the system under test on one, those who call it on the other."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    for pid in pids:
        try:
            threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
        except FileNotFoundError:
            continue  # it has ended
        for thread in threads:
            _move(thread, core)


def _move(thread: int, core: int) -> None:
    try:
        os.sched_setaffinity(thread, {core})
    except ProcessLookupError:
        return
