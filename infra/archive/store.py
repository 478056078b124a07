"""Where archives are kept: a port of few methods, and its choice from a setting."""

from pathlib import Path
from typing import NamedTuple, Protocol

from infra.archive.errors import BadArchivePlace


class Object(NamedTuple):
    """A file of the store."""

    key: str
    bytes: int
    changed_ms: float  # UNIX time, clock of the store


class Store(Protocol):
    """Files by key. Keys are relative, with slashes. Every method raises ArchiveAway."""

    place: str  # what the setting says, without credentials

    async def put(self, key: str, data: bytes) -> None:
        """Store whole or not at all, to stay when this returns; replaces what was there."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The whole file; None where there is none."""
        ...

    async def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """A part of a file, fewer bytes where it ends early; None where there is none."""
        ...

    async def listing(self, prefix: str) -> list[Object]:
        """All below a prefix that is empty or ends with a slash, by key."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...


def open_store(place: str) -> Store:
    """The store a setting names: a folder, or s3://bucket/prefix with the AWS_ variables.

    Raises: BadArchivePlace.
    """
    if place.startswith("s3://"):
        from infra.archive.s3 import S3

        return S3(place)
    if "://" in place or not place:
        raise BadArchivePlace("PARTYLINE_ARCHIVE must be a folder or s3://bucket/prefix")
    from infra.archive.local import Folder

    return Folder(Path(place))
