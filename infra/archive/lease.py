"""One archiver at a time: a key in NATS that its holder renews.

Two at once would lose nothing, for only what was read back is let go and readers count a message
once. They would write the same calls twice.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import nats.errors
from nats.js import api
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KeyValue

from contracts.ids import HostId
from contracts.journal import JournalUnavailable
from infra.cancelling import end_tasks
from infra.nats import Bus

_BUCKET: Final = "ARCHIVING"
_KEY: Final = "archiver"
_HELD_S: Final = 30.0  # without a sign of life; the bucket's age once it is there
_AWAY: Final = (OSError, TimeoutError, nats.errors.Error, JetStreamError)


class OtherArchiver(Exception):
    """Another archiver is at work, or died within the last half minute."""


class LeaseLost(Exception):
    """The lease could not be renewed in time: nothing more may be taken from the log."""


class Lease:
    """The right to archive, while the block lasts."""

    def __init__(self, bucket: KeyValue, host: HostId, held_s: float) -> None:
        self._bucket, self._host, self._held_s = bucket, host, held_s
        self._revision, self._renewed_s = 0, -math.inf

    async def take(self) -> None:
        """Raises KeyWrongLastSequenceError when another has it."""
        asked_s = time.monotonic()
        self._revision = await self._bucket.create(_KEY, self._host.encode())
        self._renewed_s = asked_s

    def check(self) -> None:
        """Raises LeaseLost."""
        if time.monotonic() - self._renewed_s > self._held_s * 0.8:
            raise LeaseLost("Another archiver may have taken over; nothing more was let go.")

    async def keep(self) -> None:
        """Renew until cancelled, or until another has it."""
        while True:
            await asyncio.sleep(self._held_s / 6)
            asked_s = time.monotonic()
            try:
                self._revision = await self._bucket.update(
                    _KEY, self._host.encode(), last=self._revision
                )
                self._renewed_s = asked_s
            except KeyWrongLastSequenceError:
                self._renewed_s = -math.inf
                return
            except _AWAY:
                pass  # check() counts the seconds

    async def give_up(self) -> None:
        """So that the next one need not wait."""
        with contextlib.suppress(*_AWAY):
            await self._bucket.delete(_KEY, last=self._revision)


@asynccontextmanager
async def leased(bus: Bus, host: HostId) -> AsyncIterator[Lease]:
    """Hold the lease during the block. Raises: OtherArchiver, JournalUnavailable."""
    try:
        bucket = await _bucket(bus)
        lease = Lease(bucket, host, (await bucket.status()).ttl or _HELD_S)
        await lease.take()
    except KeyWrongLastSequenceError:
        raise OtherArchiver(
            "Another archiver is at work, or was killed within the last half minute."
        ) from None
    except _AWAY as away:
        raise JournalUnavailable(f"no lease to archive: {type(away).__name__}") from None
    keeping = asyncio.create_task(lease.keep())
    try:
        yield lease
    finally:
        await end_tasks([keeping])
        await lease.give_up()


async def _bucket(bus: Bus) -> KeyValue:
    try:
        return await bus.js.key_value(_BUCKET)
    except NotFoundError:
        config = api.KeyValueConfig(
            bucket=_BUCKET,
            description="who archives calls just now",
            ttl=_HELD_S,
            replicas=bus.nc.usual_replicas,
        )
        return await bus.js.create_key_value(config)
