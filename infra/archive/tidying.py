"""What writers that died left behind: data without a manifest, and files never finished."""

import time
from collections.abc import Sequence
from typing import Final

from infra.archive.segment import manifest_of
from infra.archive.store import Object, Store

_LEFT_MS: Final = 86_400_000.0  # a writer that was only paused would be done with it by then


async def tidy(store: Store, listed: Sequence[Object]) -> int:
    """Delete what counts for nothing and is a day old; how many. Raises ArchiveAway."""
    keys = {each.key for each in listed}
    old_ms = time.time() * 1000 - _LEFT_MS
    gone = [
        each.key
        for each in listed
        if each.changed_ms < old_ms
        and (each.key.endswith(".unfinished") or _is_orphan(each.key, keys))
    ]
    for key in gone:
        await store.delete(key)
    return len(gone)


def _is_orphan(key: str, keys: set[str]) -> bool:
    manifest = manifest_of(key)
    return manifest is not None and manifest not in keys
