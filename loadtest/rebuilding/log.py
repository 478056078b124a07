"""The log a benchmark reads: made-up calls, added until there are enough events."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final

import msgspec

from contracts.codec import Codec
from infra.embedded import Addresses
from infra.master_key import NAME, read_master_key
from infra.nats import Bus
from infra.vault import Vault
from loadtest.generating import Generated, generate, histories

KNOWN: Final = "bench.json"  # in the data folder
_SEED: Final = 4


class OtherLog(Exception):
    """The folder's log is not what is asked for. Says what to do."""


class Log(msgspec.Struct, kw_only=True):
    """What the log in a data folder holds."""

    sealed: bool
    events: int = 0
    parts: int = 0  # each of another seed
    whole: bool = True  # false while somebody adds to it, or was stopped doing so


def known(data: Path, *, sealed: bool) -> Log:
    """What an earlier run has left there; an empty log where none has been. Raises OtherLog."""
    file = data / KNOWN
    if not file.exists():
        if data.exists() and any(data.iterdir()):
            raise OtherLog(f"{data} holds something else: choose a folder of the benchmark's own.")
        return Log(sealed=sealed)
    log = msgspec.json.decode(file.read_bytes(), type=Log)
    if log.sealed != sealed:
        kind, option = ("sealed", "without") if log.sealed else ("plain", "with")
        raise OtherLog(f"The log in {data} is {kind}: run {option} --plain, or choose another.")
    if not log.whole:
        raise OtherLog(
            f"The log in {data} was left half made: delete the folder, or choose another."
        )
    return log


def codec_of(bus: Bus, addresses: Addresses, log: Log) -> Codec:
    """Seals and opens with the stack's own key, where the log is sealed."""
    return Codec(Vault(bus, read_master_key(master_key(addresses)))) if log.sealed else Codec()


def master_key(addresses: Addresses) -> Path:
    """The stack's own."""
    return addresses.data / NAME


@contextmanager
def added_to(data: Path, log: Log) -> Iterator[int]:
    """Note what the block adds to `log.events`. Gives it a seed that was not used yet.

    A log left in the middle of this is not taken for a whole one.
    """
    log.parts, log.whole = log.parts + 1, False
    _remember(data, log)
    yield _SEED + log.parts
    log.whole = True
    _remember(data, log)


async def grow(
    bus: Bus,
    addresses: Addresses,
    log: Log,
    events: int,
    *,
    distinct: int,
    tell: Callable[[int], None],
) -> None:
    """Add calls until the log holds at least so many events. `tell`: how many it holds."""
    if (missing := events - log.events) <= 0:
        return
    before, codec = log.events, codec_of(bus, addresses, log)

    def progress(done: Generated) -> None:
        log.events = before + done.events
        tell(log.events)

    with added_to(addresses.data, log) as seed:
        # In a thread: it takes seconds, and a connection that is not served is given up.
        calls = await asyncio.to_thread(_calls_for, missing, seed, distinct)
        await generate(bus, calls, seed, distinct=distinct, codec=codec, progress=progress)


def _calls_for(events: int, seed: int, distinct: int) -> int:
    """How many calls hold as many. When all distinct ones are used up they are repeated in the
    order in which they rang; of fewer, those are taken that come first by number."""
    made_up = list(histories(seed, distinct))
    repeated = sum(history.events for history in made_up) < events
    if not repeated:
        made_up.sort(key=lambda history: history.number)
    calls, sizes = 0, cycle(history.events for history in made_up)
    while events > 0:
        calls, events = calls + 1, events - next(sizes)
    return calls


def _remember(data: Path, log: Log) -> None:
    (data / KNOWN).write_bytes(msgspec.json.encode(log))
