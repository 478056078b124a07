"""An archive in a local folder. What is stored is on the disk before anything is let go for it."""

import asyncio
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from infra.archive.errors import ArchiveAway
from infra.archive.store import Object

_UNFINISHED: Final = ".unfinished"
P = ParamSpec("P")
Answer = TypeVar("Answer")


class Folder:
    """infra.archive.store.Store in a folder, made when first written to. For this user alone."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root.absolute()
        self.place: str = str(self.root)

    async def put(self, key: str, data: bytes) -> None:
        """See Store.put."""
        await self._do(self._put, key, data)

    async def get(self, key: str) -> bytes | None:
        """See Store.get."""
        return await self._do(self._read, key, 0, -1)

    async def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """See Store.get_range."""
        return await self._do(self._read, key, start, length)

    async def listing(self, prefix: str) -> list[Object]:
        """See Store.listing. With what a writer that died left unfinished."""
        return await self._do(self._list, prefix)

    async def delete(self, key: str) -> None:
        """See Store.delete."""
        await self._do(lambda: (self.root / key).unlink(missing_ok=True))

    async def _do(self, work: Callable[P, Answer], *given: P.args, **named: P.kwargs) -> Answer:
        try:
            return await asyncio.to_thread(work, *given, **named)
        except OSError as failed:
            why = failed.strerror or type(failed).__name__
            raise ArchiveAway(f"the archive's folder {self.root}: {why}") from None

    def _put(self, key: str, data: bytes) -> None:
        """Written beside, synced, renamed, and the folders that name it synced, too."""
        target = self.root / key
        _make(target.parent)
        beside = target.with_name(f"{target.name}.{uuid.uuid4().hex}{_UNFINISHED}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            beside.replace(target)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        _sync(target.parent)

    def _read(self, key: str, start: int, length: int) -> bytes | None:
        try:
            with (self.root / key).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            return None

    def _list(self, prefix: str) -> list[Object]:
        found = []
        for folder, _, names in os.walk(self.root / prefix):
            for name in names:
                path = Path(folder) / name
                key, told = path.relative_to(self.root).as_posix(), path.stat()
                found.append(Object(key, told.st_size, told.st_mtime_ns / 1e6))
        return sorted(found)


def _make(folder: Path) -> None:
    """With its parents, each synced into the one above it."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
