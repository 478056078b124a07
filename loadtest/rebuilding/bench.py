"""A log is made, tables are made from it again and again, and what that took is put together."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from infra.embedded import Addresses, embedded
from infra.nats import Bus, connect, create_streams
from infra.postgres import Pool, connect_pool
from loadtest.rebuilding.copying import copying
from loadtest.rebuilding.databases import fresh
from loadtest.rebuilding.digests import Digest, digests
from loadtest.rebuilding.figures import Copying, Figures, Live, Rebuild
from loadtest.rebuilding.live import live
from loadtest.rebuilding.log import Log, added_to, codec_of, grow, known, master_key
from loadtest.rebuilding.memory import Watch
from loadtest.rebuilding.once import NotRebuilt, rebuilt_once
from loadtest.rebuilding.peer import peer
from projections.rebuild import Servers

Tell = Callable[[str], None]
_DATABASE: Final = "bench_rebuild"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured."""

    events: tuple[int, ...]  # sizes of the log
    workers: tuple[int, ...]
    sealed: bool
    distinct: int  # calls made up, which the log repeats
    peer_events: int  # 0: no peer
    live_s: float  # 0: nobody follows


async def measured(data: Path, wanted: Wanted, tell: Tell) -> Figures:
    """On a stack of its own in `data`, the log of which is kept and used again.

    Raises: OtherLog; NotRebuilt; NoPeer; what starting servers raises.
    """
    log = known(data, sealed=wanted.sealed)
    async with _bench(data, log, tell) as bench:
        for size in sorted(set(wanted.events)):
            await bench.grow(size, wanted.distinct)
            if log.events not in bench.at:
                await bench.rebuild(_runs(wanted.workers), last=size == max(wanted.events))
        found = bench.figures()
        if wanted.live_s:
            found.live = bench.live
        if wanted.peer_events:
            tell(f"the peer, {wanted.peer_events:,} events twice")
            found.peer = await peer(bench.pool, bench.addresses.postgres_dsn, wanted.peer_events)
            found.peer_events_per_s = round(found.peer.events_per_s, 1)
    return found
