"""The figures of many idle calls, and of one nats-server, measured here."""

import os
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from loadtest.scale.hosts import staged
from loadtest.scale.idle import Idle, idle
from loadtest.scale.rates import Kept, Rate, alone, appends, frames, kept, three_nodes
from loadtest.scale.takeover import TakenOver, taken_over

_WATCH_S: Final = 10.0
_APPENDS: Final = 10_000
_APPEND_BYTES: Final = 323  # as a message of a call has on average
_FRAMES: Final = 200_000
_SUBJECTS: Final = 100_000
_SYNCS: Final = 500


class Driven(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    idle: Idle
    taken_over: TakenOver
    sync_ms: float  # to write 512 bytes and sync them, one after the other, on the same disk
    append: Rate  # one server
    three: Rate  # three servers, on this machine together
    frame: Rate
    kept: Kept


async def drive(calls: int, folder: Path | None = None) -> Driven:
    """Raises what the servers and roles do that don't start, NotTaken, and TimeoutError."""
    with tempfile.TemporaryDirectory(prefix="partyline-scale-", dir=folder) as name:
        here = Path(name)
        async with staged(here / "calls", calls) as stage:
            still = await idle(stage, calls, _WATCH_S)
            heirs = await taken_over(stage, calls)
        async with alone(here / "alone") as servers:
            append = await appends(servers, _APPENDS, _APPEND_BYTES)
            frame = await frames(servers, _FRAMES)
        return Driven(
            idle=still,
            taken_over=heirs,
            sync_ms=sync_ms(here),
            append=append,
            three=await three_nodes(here / "three", _APPENDS, _APPEND_BYTES),
            frame=frame,
            kept=await kept(here / "kept", _SUBJECTS, _APPEND_BYTES),
        )


def sync_ms(folder: Path) -> float:
    """What the disk takes for the least that an append needs."""
    file = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        began_s = time.monotonic()
        for _ in range(_SYNCS):
            os.write(file, bytes(512))
            os.fsync(file)
        return round((time.monotonic() - began_s) / _SYNCS * 1000, 3)
    finally:
        os.close(file)
