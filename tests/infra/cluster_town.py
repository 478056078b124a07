"""Calls on three nodes, and hands to end a node with."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import nats.errors
from eventually import eventually_async

from contracts.ids import CallId, TenantId, new_call_id
from contracts.journal import JournalUnavailable
from contracts.line import LineAnswered
from contracts.recorded import Message, Recorded
from contracts.streams import STREAMS
from infra.beside import beside
from infra.embedded import Addresses
from infra.journal import NatsJournal
from infra.live import Following, follow
from infra.nats import Bus, connect, create_streams

TENANT = TenantId("cluster")
WITHIN_S = 60.0
AWAY = (TimeoutError, OSError, nats.errors.Error)


class Town:
    """The three nodes, and connections to them."""

    def __init__(self, addresses: Addresses, leaving: AsyncExitStack) -> None:
        self.addresses, self._leaving = addresses, leaving
        self.bus: Bus

    async def connect(self, *besides: str) -> Bus:
        """A connection of its own. `besides`: nodes it does not know of."""
        urls = self.addresses.nats_url.split(",")
        known = [url for number, url in enumerate(urls, 1) if f"partyline-{number}" not in besides]
        bus = await connect(",".join(known), name="test")
        self._leaving.push_async_callback(bus.close)
        return bus

    async def leader(self, stream: str, consumer: str | None = None) -> str:
        """The node that leads a stream, or a consumer of it."""
        while True:
            try:
                js = self.bus.js
                if consumer is None:
                    found = (await js.stream_info(stream)).cluster
                else:
                    found = (await js.consumer_info(stream, consumer)).cluster
            except AWAY:
                found = None
            if found is not None and found.leader:
                return found.leader
            await asyncio.sleep(0.05)

    def end(self, node: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a node. Who watches over it starts it again."""
        os.kill(self.pid(node), how)

    def pid(self, node: str) -> int:
        number = node.rpartition("-")[2]
        return int((self.addresses.data / "run" / f"nats-{number}.pid").read_text())

    async def whole(self) -> None:
        """Return when every stream has all its copies again."""
        for stream in STREAMS:
            followers = 2 if stream.replicated else 0
            await eventually_async(partial(self._is_whole, stream.name, followers), WITHIN_S)

    async def _is_whole(self, stream: str, followers: int) -> bool:
        try:
            cluster = (await self.bus.js.stream_info(stream)).cluster
        except AWAY:
            return False
        peers = (cluster and cluster.replicas) or []
        here = [peer for peer in peers if peer.current and not peer.offline]
        return bool(cluster and cluster.leader) and len(here) == followers


@asynccontextmanager
async def open_town(addresses: Addresses) -> AsyncIterator[Town]:
    """Connect, and leave all three nodes working."""
    async with AsyncExitStack() as leaving:
        town = Town(addresses, leaving)
        town.bus = await town.connect()
        await create_streams(town.bus)
        await town.whole()
        yield town
        await town.whole()


class Speaker:
    """One call's owner, appending under the check of the expected sequence; and one who follows."""

    def __init__(self, bus: Bus, heard_by: Bus) -> None:
        self.call: CallId = new_call_id()
        self.journal = NatsJournal(bus, patience_s=WITHIN_S)
        self.acknowledged: list[int] = []  # stream sequences
        self.followed: list[int] = []
        self._silent = self._done = False
        self._heard_by = heard_by
        self._progress = asyncio.Event()

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        """Append and follow during the block; on the way out say the last word, and follow it."""
        following = await follow(self._heard_by, NatsJournal(self._heard_by), TENANT, self.call)
        async with beside(self._follow(following)), beside(self._speak()):
            yield
            self._silent = True
            await self.until(lambda: self._done)
            await self.until(lambda: set(self.acknowledged) <= set(self.followed))
        await following.close()

    async def further(self, by: int = 10) -> None:
        """Return when as many more are acknowledged."""
        goal = len(self.acknowledged) + by
        await self.until(lambda: len(self.acknowledged) >= goal)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                self._progress.clear()
                await self._progress.wait()

    async def _speak(self) -> None:
        after, number = 0, 0
        while not self._silent:
            said = Message(by="dialog-1", events=(LineAnswered(at_ms=number, stream="MZ"),))
            place = (TENANT, self.call, "dialog", said)
            stored = await self.journal.append(*place, id=f"{self.call}:{number}", after=after)
            after, number = stored.sequence, number + 1
            self.acknowledged.append(after)
            self._progress.set()
            await asyncio.sleep(0.002)
        self._done = True
        self._progress.set()

    async def _follow(self, following: Following) -> None:
        async for recorded in following:
            self.followed.append(recorded.sequence)
            self._progress.set()


async def stored(bus: Bus, call: CallId) -> list[tuple[int, float]]:
    """What a call's log holds: sequence and number of each. Asked until the log answers: nodes may
    choose a leader once more when one that stood still is back."""
    history: list[Recorded] = []

    async def read() -> bool:
        try:
            history[:] = [recorded async for recorded in NatsJournal(bus).read(TENANT, call)]
        except JournalUnavailable:
            return False
        return True

    await eventually_async(read, WITHIN_S)
    return [
        (recorded.sequence, event.at_ms)
        for recorded in history
        for event in recorded.message.events
    ]
