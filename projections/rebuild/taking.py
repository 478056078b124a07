"""Messages of the log, taken where they are read from the connection."""

import asyncio
import json
from typing import Final

from contracts.streams import CALLS
from infra.nats import Bus
from projections.reading import LogAway

_AT_ONCE: Final = 4_000  # messages asked for, and again when as many of them are here
_BEHIND: Final = 500  # the same behind the end, where reading may stop at any moment
_SILENCE_S: Final = 10.0


class Raw:
    """A message as stored.

    name:      of the call: its subject without the family; empty for a canary
    sequence:  of the stream
    stored_ns: UNIX time in nanoseconds, clock of the server
    """

    __slots__ = ("family", "name", "payload", "sequence", "stored_ns")

    def __init__(
        self, name: bytes, family: str, sequence: int, stored_ns: int, payload: bytes
    ) -> None:
        self.name, self.family, self.sequence = name, family, sequence
        self.stored_ns, self.payload = stored_ns, payload


class Taking:
    """What is asked of a consumer, and what comes."""

    def __init__(self, bus: Bus, consumer: str, first: int, last: int) -> None:
        self._bus, self._at, self._last = bus, first - 1, last
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{CALLS.name}.{consumer}"
        self.inbox = bus.nc.new_inbox()
        self._news = asyncio.Event()
        self._here: list[Raw] = []
        self._asked = 0
        self._delivered = 0
        self._last_delivery = b"0"  # the server's number of it
        self._broken = ""

    async def some(self) -> list[Raw]:
        """What has come since the last time, or comes next. Raises LogAway."""
        if more := self._wanted():
            question = {"batch": more, "expires": 30_000_000_000}
            await self._bus.nc.publish(
                self._subject, json.dumps(question).encode(), reply=self.inbox
            )
            self._asked += more
        if not self._here:
            self._news.clear()
            async with asyncio.timeout(_SILENCE_S):
                await self._news.wait()
        if self._broken:
            raise LogAway(self._broken)
        here, self._here = self._here, []
        self._count(here)
        return here

    def _count(self, here: list[Raw]) -> None:
        """Raises LogAway when there are fewer than the server has sent."""
        self._asked -= len(here)
        self._delivered += len(here)
        if int(self._last_delivery) != self._delivered:
            raise LogAway("a delivery was lost")
        if here:
            self._at = here[-1].sequence

    def _wanted(self) -> int:
        """How many messages to ask for now."""
        asked = self._asked - len(self._here)
        at = self._here[-1].sequence if self._here else self._at
        ahead = self._last - at - asked
        at_once, most = (_AT_ONCE, ahead) if ahead > 0 else (_BEHIND, _BEHIND)
        return min(at_once, most) if asked < at_once else 0

    def on_raw(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes) -> None:
        """Reply subjects: https://docs.nats.io/nats-concepts/jetstream/consumers ($JS.ACK...)."""
        if not self._here:
            self._news.set()
        if not reply.startswith(b"$JS.ACK."):  # a word of the server's own
            if b" 408" not in headers[:16]:
                self._broken = "the server ended it"
                self._news.set()
            return
        _, sequence, self._last_delivery, stored_ns, _ = reply.rsplit(b".", 4)
        name, _, family = subject.rpartition(b".")
        self._here.append(Raw(name, family.decode(), int(sequence), int(stored_ns), payload))
