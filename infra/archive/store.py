"""Where archives are kept: a port of few methods."""

from typing import NamedTuple, Protocol


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
