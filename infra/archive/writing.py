"""Calls put into segments. A segment exists, by its manifest, once it was read back as written."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from contracts.ids import CallId, TenantId
from infra.archive.errors import ArchiveAway
from infra.archive.segment import (
    Frame,
    StoredMessage,
    data_key,
    decode_manifest,
    encode_manifest,
    frame,
    manifest_key,
    part,
    unframe,
)
from infra.archive.store import Store

PART_BYTES: Final = 32 * 1024 * 1024  # compressed; a call is never cut
PART_CALLS: Final = 5_000  # so that a manifest stays small enough to be read for one call


class Written(NamedTuple):
    """What one segment took. Sizes in bytes."""

    key: str
    calls: int
    messages: int
    raw_bytes: int
    bytes: int


class Writer:
    """The next segment of a tenant's day."""

    def __init__(self, store: Store, tenant: TenantId, day: date, number: int) -> None:
        self._store, self._tenant, self._day, self._number = store, tenant, day, number
        self._frames: list[Frame] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether the segment should be finished before more is added."""
        return self._bytes >= PART_BYTES or len(self._frames) >= PART_CALLS

    @property
    def empty(self) -> bool:
        return not self._frames

    async def add(self, call: CallId, messages: Sequence[StoredMessage]) -> None:
        """Take messages of a call, which are read back from their frame at once."""
        made = await asyncio.to_thread(_proved, call, messages)
        self._frames.append(made)
        self._bytes += len(made.data)

    async def finish(self) -> Written:
        """Store the segment, read it back, then store its manifest, read back, too.

        Names come from the content, so writing over what is there changes nothing that is whole and
        repairs what is not; no store needs conditional writes for it. Raises: ArchiveAway.
        """
        data, manifest = part(self._tenant, self._day, self._number, self._frames)
        self._number, self._frames, self._bytes = self._number + 1, [], 0
        key, beside = data_key(manifest), manifest_key(manifest)
        await self._store.put(key, data)
        if await self._store.get(key) != data:
            raise ArchiveAway(f"{key} does not read back as it was written")
        await self._store.put(beside, encode_manifest(manifest))
        back = await self._store.get(beside)
        if back is None or decode_manifest(beside, back) != manifest:
            raise ArchiveAway(f"{beside} does not read back as it was written")
        return Written(
            key, len(manifest.calls), manifest.messages, manifest.raw_bytes, manifest.bytes
        )


def _proved(call: CallId, messages: Sequence[StoredMessage]) -> Frame:
    """Compressed, and compared with the log's bytes after having been read from that."""
    made = frame(call, messages)
    if unframe("", made.data, made.entry) != list(messages):
        raise AssertionError(f"call {call} does not come back from its frame")
    return made
