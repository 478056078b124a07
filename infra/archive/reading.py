"""Archived calls read as if from the stream: one, or all in order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from contracts.codec import Codec, Unreadable
from contracts.ids import CallId, TenantId
from contracts.recorded import Message, Recorded
from infra.archive.errors import SegmentDamaged
from infra.archive.groups import Group, Groups
from infra.archive.opening import open_store
from infra.archive.segment import (
    CallEntry,
    Manifest,
    StoredMessage,
    data_key,
    unframe,
)
from infra.archive.store import Store
from infra.call_log import WholeCall
from infra.stamps import unix_ms

_WINDOW_BYTES: Final = 2 * 1024 * 1024  # read from the store at once; a longer frame comes whole
Told: TypeAlias = Callable[[SegmentDamaged], None]


class ArchivedCall(NamedTuple):
    """All that is archived of a call."""

    tenant: TenantId
    call: CallId
    history: list[Recorded]  # in stored order; what no contract covers holds no events
    unreadable: dict[int, str]  # why, by the sequence of what no contract covers


class Archive:
    """Reads what `infra.archive.run` wrote. Every method raises ArchiveAway."""

    def __init__(self, store: Store, codec: Codec | None = None) -> None:
        self.store: Final = store
        self.codec: Final = codec or Codec()
        self.groups: Final = Groups(store)

    def of_events(self) -> "Archive":
        """The same, read as Codec.of_events reads."""
        return Archive(self.store, self.codec.of_events())

    async def read(self, tenant: TenantId, call: CallId) -> WholeCall:
        """All that is archived of a call, be it nothing. Raises SegmentDamaged."""
        messages = await self.stored(tenant, call)
        archived = await self.recorded(tenant, call, messages)
        return WholeCall(archived.history, archived.unreadable)

    async def stored(self, tenant: TenantId, call: CallId) -> list[StoredMessage]:
        """The same as bytes, checked by their hash, each once."""
        group = await self.groups.of_call(tenant, call)
        return await self.stored_in(group, call) if group else []

    async def stored_in(self, group: Group, call: CallId) -> list[StoredMessage]:
        """The same from a group at hand. Raises SegmentDamaged."""
        return await _whole(self.store, group, call)

    async def calls(self, tenant: TenantId, damaged: Told | None = None) -> list[CallId]:
        """All calls of a tenant, by id. Raises SegmentDamaged, unless `damaged` is to be told."""
        found: set[CallId] = set()
        async for group in self.groups.of(tenant):
            _tell(group.damaged, damaged)
            found |= group.entries.keys()
        return sorted(found)

    async def segments(
        self, tenant: TenantId | None = None, damaged: Told | None = None
    ) -> AsyncIterator["Segment"]:
        """All segments by day, tenant and part. Raises SegmentDamaged, unless `damaged` is told."""
        async for group in self.groups.of(tenant):
            _tell(group.damaged, damaged)
            for manifest in group.manifests:
                yield Segment(self, group, manifest)

    async def recorded(
        self, tenant: TenantId, call: CallId, messages: list[StoredMessage]
    ) -> ArchivedCall:
        """Stored messages of one call as the stream's readers give them.

        Raises: Locked, JournalUnavailable where they are sealed and the key can't be had.
        """
        unreadable: dict[int, str] = {}
        history = []
        for each in messages:
            try:
                content = await self.codec.read(call, each.payload)
            except Unreadable as why:
                content = Message(by="", events=())
                unreadable[each.sequence] = str(why)
            recorded = Recorded(
                tenant=tenant,
                call=call,
                family=each.family,
                sequence=each.sequence,
                stored_ms=unix_ms(each.stored),
                message=content,
                payload=each.payload,
            )
            history.append(recorded)
        return ArchivedCall(tenant, call, history, unreadable)


class Segment:
    """One file of the archive."""

    def __init__(self, archive: Archive, group: Group, manifest: Manifest) -> None:
        self.manifest: Final = manifest
        self.tenant: Final = manifest.tenant
        self.day: Final = manifest.day
        self.key: Final = data_key(manifest)
        self._archive, self._group = archive, group

    async def calls(self, damaged: Told | None = None) -> AsyncIterator[ArchivedCall]:
        """The calls that begin here, each whole and by the order of their first message here.

        Raises: ArchiveAway; SegmentDamaged, unless `damaged` is told and the call left out.
        """
        async for call, messages in self.stored(damaged):
            yield await self._archive.recorded(self.tenant, call, messages)

    async def stored(
        self, damaged: Told | None = None
    ) -> AsyncIterator[tuple[CallId, list[StoredMessage]]]:
        """The same as bytes: nothing is decoded that a hash has to vouch for."""
        mine = [e for e in self.manifest.calls if self._group.begins_in(self.manifest, e)]
        for window in _windows(mine):
            start = window[0].offset
            length = window[-1].offset + window[-1].length - start
            data = await self._archive.store.get_range(self.key, start, length)
            for entry in window:
                try:
                    yield entry.call, await self._whole(entry, start, data)
                except SegmentDamaged as found:
                    _tell([found], damaged)

    async def _whole(self, entry: CallEntry, start: int, data: bytes | None) -> list[StoredMessage]:
        if len(self._group.entries[entry.call]) > 1:
            return await _whole(self._archive.store, self._group, entry.call)
        if data is None:
            raise SegmentDamaged(self.key, "is not there, though its manifest is")
        mine = data[entry.offset - start : entry.offset - start + entry.length]
        return await _unframed(self.key, mine, entry)


def open_archive(place: str, codec: Codec | None = None) -> Archive:
    """The archive a setting names: a folder, or s3://bucket/prefix. Raises BadArchivePlace."""
    return Archive(open_store(place), codec)


async def missed_by(archive: Archive, sequences: Iterable[int], damaged: Told) -> tuple[int, ...]:
    """Those of these stream sequences that no archived message of any tenant had."""
    missed = set(sequences)
    if missed:
        low, high = min(missed), max(missed)
        async for segment in archive.segments(damaged=damaged):
            if segment.manifest.last >= low and segment.manifest.first <= high:
                async for _, messages in segment.stored(damaged):
                    missed.difference_update(each.sequence for each in messages)
    return tuple(sorted(missed))


async def _whole(store: Store, group: Group, call: CallId) -> list[StoredMessage]:
    """From every segment that has some of the call; a message that stands twice counts once."""
    found: dict[int, StoredMessage] = {}
    broken: list[tuple[CallEntry, SegmentDamaged]] = []
    for manifest, entry in group.entries.get(call, []):
        try:
            for message in await _read(store, data_key(manifest), entry):
                if found.setdefault(message.sequence, message) != message:
                    raise SegmentDamaged(data_key(manifest), f"tells otherwise of call {call}")
        except SegmentDamaged as damaged:
            broken.append((entry, damaged))
    for entry, why in broken:
        if sum(entry.first <= each <= entry.last for each in found) < entry.messages:
            raise why  # else it was archived again
    return [found[sequence] for sequence in sorted(found)]


async def _read(store: Store, key: str, entry: CallEntry) -> list[StoredMessage]:
    data = await store.get_range(key, entry.offset, entry.length)
    if data is None:
        raise SegmentDamaged(key, "is not there, though its manifest is")
    return await _unframed(key, data, entry)


async def _unframed(key: str, data: bytes, entry: CallEntry) -> list[StoredMessage]:
    """A long call is read beside the loop: others wait for the loop."""
    if entry.raw_bytes < 256 * 1024:
        return unframe(key, data, entry)
    return await asyncio.to_thread(unframe, key, data, entry)


def _windows(entries: list[CallEntry]) -> Iterator[list[CallEntry]]:
    """Runs of entries that are read at once: neighbours, up to a size."""
    window: list[CallEntry] = []
    for entry in entries:
        if window and entry.offset + entry.length - window[0].offset > _WINDOW_BYTES:
            yield window
            window = []
        window.append(entry)
    if window:
        yield window


def _tell(found: list[SegmentDamaged], damaged: Told | None) -> None:
    for each in found:
        if damaged is None:
            raise each
        damaged(each)
