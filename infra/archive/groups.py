"""The manifests of a tenant's day, together: they say where each call of that day stands."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import date
from typing import Final

from contracts.ids import CallId, TenantId
from infra.archive.days import ring_day
from infra.archive.errors import SegmentDamaged
from infra.archive.segment import (
    CallEntry,
    Manifest,
    decode_manifest,
    folder,
    is_manifest,
    place_of,
)
from infra.archive.store import Store

_KNOWN_FOR_S: Final = 30.0  # what a listing said, to one who reads call after call
_AT_ONCE: Final = 8


class Group:
    """A tenant's day. Every part of a call is in the same one."""

    def __init__(
        self, tenant: TenantId, day: date, manifests: list[Manifest], damaged: list[SegmentDamaged]
    ) -> None:
        self.tenant: Final = tenant
        self.day: Final = day
        self.manifests: Final = manifests  # by name
        self.damaged: Final = damaged  # manifests that can't be read
        self.entries: Final[dict[CallId, list[tuple[Manifest, CallEntry]]]] = {}
        for manifest in manifests:
            for entry in manifest.calls:
                self.entries.setdefault(entry.call, []).append((manifest, entry))
        for places in self.entries.values():
            places.sort(key=lambda place: (place[1].first, place[0].file))

    def begins_in(self, manifest: Manifest, entry: CallEntry) -> bool:
        """Whether this entry holds the call's beginning; one of several that do."""
        return self.entries[entry.call][0][0] is manifest


class Groups:
    """Finds them in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: Group | None = None
        self._read_s = 0.0

    async def of_call(self, tenant: TenantId, call: CallId) -> Group | None:
        """The group that holds a call, if any. Raises ArchiveAway, SegmentDamaged."""
        if day := ring_day(call):
            group = self._known(tenant, day, call) or await self.of_day(tenant, day)
            return _holding(group, call)
        async for group in self.of(tenant):  # its id does not tell
            if call in group.entries:
                return group
        return None

    async def of_day(self, tenant: TenantId, day: date) -> Group:
        """All manifests of a tenant's day. Raises ArchiveAway."""
        listed = await self._store.listing(folder(tenant, day))
        keys = [each.key for each in listed if is_manifest(each.key)]
        self._last, self._read_s = await self._group(tenant, day, keys), time.monotonic()
        return self._last

    async def of(self, tenant: TenantId | None) -> AsyncIterator[Group]:
        """All groups by day and tenant, of one tenant or of all. Raises ArchiveAway."""
        found: dict[tuple[date, str], list[str]] = {}
        for each in await self._store.listing(folder(tenant) if tenant else ""):
            place = place_of(each.key)
            if place and is_manifest(each.key):
                found.setdefault((place[1], place[0]), []).append(each.key)
        for day, name in sorted(found):
            yield await self._group(TenantId(name), day, found[day, name])

    def _known(self, tenant: TenantId, day: date, call: CallId) -> Group | None:
        last = self._last
        fresh = last is not None and time.monotonic() - self._read_s < _KNOWN_FOR_S
        if fresh and last and (last.tenant, last.day) == (tenant, day) and call in last.entries:
            return last
        return None

    async def _group(self, tenant: TenantId, day: date, keys: list[str]) -> Group:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def read(key: str) -> Manifest | SegmentDamaged | None:
            async with limit:
                data = await self._store.get(key)
            try:
                return None if data is None else decode_manifest(key, data)
            except SegmentDamaged as damaged:
                return damaged

        read_ones = await asyncio.gather(*map(read, keys))
        manifests = [m for m in read_ones if isinstance(m, Manifest) and m.tenant == tenant]
        damaged = [each for each in read_ones if isinstance(each, SegmentDamaged)]
        return Group(tenant, day, sorted(manifests, key=lambda each: each.file), damaged)


def _holding(group: Group, call: CallId) -> Group | None:
    if call in group.entries:
        return group
    if group.damaged:  # the call may be what it told of
        raise group.damaged[0]
    return None
