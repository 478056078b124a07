"""Agent audio that went past a line, fetched from the AUDIO stream and from who published it.

Frames on a plain subject are lost without a word while this gateway's connection is away. What is
fetched goes the way of what is heard live: doubles are refused there, and holes fill.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import nats.errors

from contracts.ids import CallId, TenantId
from contracts.streams import AUDIO, audio_subject
from infra.again import ask_again
from infra.cancelling import stop_if_cancelled
from infra.direct_get import direct_get
from infra.journal import sequence_of
from infra.nats import Bus

_BATCH: Final = 1_000
_WAIT_S: Final = 1.0


class Missed:
    """What one line may have missed. `run` fetches it each time it is wanted."""

    def __init__(self, bus: Bus, tenant: TenantId, call: CallId) -> None:
        self._bus, self._subject = bus, audio_subject(tenant, call, "agent")
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Something may be missing."""
        self._wanted.set()

    async def reconnected(self) -> None:
        """While the connection was away, anything may have been."""
        self.want()

    async def run(self, take: Callable[[bytes], None]) -> None:
        """Hand on all that is still to be had, whenever it is wanted, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            # Side by side: while the stream has no leader it is the publisher that answers.
            async with asyncio.TaskGroup() as asking:
                for ask in (self._from_stream, self._from_publisher):
                    asking.create_task(_hand_on(ask, take))

    async def _from_stream(self) -> list[bytes]:
        """What the stream holds, in order; what has come by when the server falls silent."""
        payloads: list[bytes] = []
        start, before = 1, -1
        with contextlib.suppress(nats.errors.Error, TimeoutError, OSError):
            while len(payloads) > before:
                before = len(payloads)
                stored = direct_get(
                    self._bus, AUDIO.name, self._subject, start=start, most=_BATCH, wait_s=_WAIT_S
                )
                async with contextlib.aclosing(stored):
                    async for message in stored:
                        payloads.append(message.data)
                        start = sequence_of(message) + 1
        return payloads

    async def _from_publisher(self) -> list[bytes]:
        """What the synthesiser sent in the last seconds: the stream may have been made anew."""
        payloads: list[bytes] = []
        with contextlib.suppress(nats.errors.Error, OSError):
            kept = ask_again(self._bus, self._subject, wait_s=_WAIT_S)
            async with contextlib.aclosing(kept):
                payloads += [payload async for payload in kept]
        return payloads


async def _hand_on(
    ask: Callable[[], Awaitable[list[bytes]]], take: Callable[[bytes], None]
) -> None:
    payloads = await ask()
    stop_if_cancelled()
    for payload in payloads:
        take(payload)
