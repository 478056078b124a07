"""The folder an embedded stack keeps its data in, and who holds it.

In it: lock, credential, master.key, nats.json, nats.port, addresses.json; jetstream/, postgres/,
qdrant/, logs/ and run/ (pids and the socket). Of three nats-servers each has its own nats-1.json,
nats-1.port and jetstream-1/; nats.routes has the ports between them.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another process runs a stack on this folder."""

    def __init__(self, data: Path, pid: str) -> None:
        super().__init__(
            f"Partyline is already running on {data} (process {pid}): stop it first "
            f"(Ctrl-C in its terminal, or `kill {pid}`), or choose another data folder."
        )
        self.data, self.pid = data, pid


class MadeForOtherNodes(Exception):
    """The log in this folder was kept by another number of nats-servers."""

    def __init__(self, data: Path, before: int) -> None:
        super().__init__(
            f"The log in {data} was kept with --nats-nodes {before}: start it so again, or choose"
            " another data folder. Nothing was changed."
        )
        self.data, self.before = data, before


def make_folders(data: Path) -> Path:
    """Create what is missing, for our eyes only; what is there keeps its permissions.

    Returns `data` as an absolute path.
    """
    data = data.absolute()
    for folder in (data, data / "qdrant", data / "logs", data / "run"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data


def assert_made_for(data: Path, nats_nodes: int) -> None:
    """Raises MadeForOtherNodes: servers that find no streams of theirs would begin an empty log."""
    stores = {1: data / "jetstream", 3: data / "jetstream-1"}
    for before, store in stores.items():
        if before != nats_nodes and store.exists() and any(store.iterdir()):
            raise MadeForOtherNodes(data, before)


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold the folder during the block. Raises AlreadyRunning.

    The kernel gives the lock back when the process ends, however it ends; the pid in the file is
    only for people.
    """
    with (data / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(data, _holder(data)) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_held(data: Path) -> bool:
    """Whether a stack runs on the folder now."""
    try:
        with (data / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def credential(data: Path) -> str:
    """The secret of this folder's servers: made once, kept, readable by us alone."""
    path = data / "credential"
    if path.exists() and (kept := path.read_text().strip()):
        return kept
    secret = secrets.token_hex(24)
    write_private(path, secret)
    return secret


def write_private(path: Path, text: str) -> None:
    """Write a file only we can read. It is there whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _holder(data: Path) -> str:
    return (data / "lock").read_text().strip() or "unknown"
