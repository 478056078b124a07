"""Many messages into the log, quickly, each at the very place it was made for.

Decisions hold the stream sequences of facts. So messages go in batches that the server stores whole
and behind the message named, or not at all; if somebody else was quicker, the batch is made anew.
One batch is also synced to disk as one. Source: ADR-50,
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import msgspec

from contracts.codec import Codec, KeyWanted
from contracts.streams import CALLS
from infra.nats import Bus
from loadtest.generating.history import Placing, Ready, Stored

BATCH: Final = 500  # messages; the server takes 1,000
_TRIES: Final = 50
_ANSWER_S: Final = 60.0
_WRONG_SEQUENCE: Final = 10071
_SAME_ID: Final = 10201


class NotWritten(Exception):
    """The log did not take what was made for it. Says what to do."""


class _Refusal(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    """The answer to a batch: https://docs.nats.io/reference/reference-protocols."""

    seq: int = 0
    error: _Refusal | None = None


class Writer:
    """Appends to the log, batch by batch. `batches` makes one."""

    def __init__(self, bus: Bus, codec: Codec, last: int) -> None:
        """`last`: stream sequence of the newest message."""
        self._bus, self._codec = bus, codec
        self._acknowledgement = msgspec.json.Decoder(_Ack)
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._calls: Sequence[Placing] = ()
        self._before: dict[Placing, Stored] = {}
        self.inbox: Final = bus.nc.new_inbox()
        self.last = last

    async def send(self, calls: Sequence[Placing]) -> None:
        """Let the server store the next message of each, in this order; BATCH at most.

        To be followed by `settle`. Raises NotWritten.
        """
        self._calls, self._before = calls, {call: call.stored for call in calls}
        await self._send()

    async def settle(self) -> None:
        """Return when it is stored, behind what others wrote meanwhile. Raises NotWritten."""
        for _ in range(_TRIES):
            ack = await self._answered()
            if ack.error is None:
                self.last = ack.seq
                return
            for call, stored in self._before.items():
                call.go_back(stored)
            await self._refused(ack.error)
            await self._send()
        raise NotWritten("Others write to the log all the time: let no calls go on.")

    def on_answer(self, payload: bytes) -> None:
        """The server's word on the present batch."""
        if not self._answer.done():
            self._answer.set_result(payload)

    async def _send(self) -> None:
        messages = [
            await self._ready(call, self.last + number)
            for number, call in enumerate(self._calls, start=1)
        ]
        self._answer = asyncio.get_running_loop().create_future()
        batch, nc = uuid4().hex, self._bus.nc
        for number, message in enumerate(messages, start=1):
            headers = _headers(message, batch, number)
            if number == 1:
                headers["Nats-Expected-Last-Sequence"] = str(self.last)
            reply = self.inbox if number == len(messages) else ""
            if reply:
                headers["Nats-Batch-Commit"] = "1"
            await nc.publish(message.subject, message.payload, reply=reply, headers=headers)
        await nc.flush()

    async def _answered(self) -> _Ack:
        try:
            async with asyncio.timeout(_ANSWER_S):
                return self._acknowledgement.decode(await self._answer)
        except TimeoutError:
            raise NotWritten(f"The log has not answered for {_ANSWER_S:g} s.") from None

    async def _ready(self, call: Placing, sequence: int) -> Ready:
        """The call's next message; sealed where the codec seals."""
        if not call.stored.messages:
            await self._codec.begin(call.call)
        while True:
            try:
                return call.next(sequence)
            except KeyWanted:
                await self._codec.fetch((call.call,))

    async def _refused(self, refused: _Refusal) -> None:
        """Raises NotWritten where trying again is of no use."""
        newest = await _newest(self._bus)
        if refused.err_code == _SAME_ID or (
            refused.err_code == _WRONG_SEQUENCE and newest == self.last
        ):
            raise NotWritten("These very calls are in the log already: choose another --seed.")
        if refused.err_code != _WRONG_SEQUENCE:
            says = f"{refused.description} ({refused.err_code})"
            raise NotWritten(f"The log refused what was made for it: {says}.")
        self.last = newest


@asynccontextmanager
async def batches(bus: Bus, codec: Codec) -> AsyncIterator[Writer]:
    """The log takes batches during the block. Raises NotWritten where its server can't."""
    await _allow(bus, True)
    writer = Writer(bus, codec, await _newest(bus))
    answers = await bus.sub(writer.inbox, writer.on_answer)
    try:
        yield writer
    finally:
        await answers.unsubscribe()
        await _allow(bus, False)


async def _newest(bus: Bus) -> int:
    return (await bus.js.stream_info(CALLS.name)).state.last_seq


async def _allow(bus: Bus, allowed: bool) -> None:
    """Of the stream's settings only this one is changed, also among those nats-py does not know."""
    found = await _ask(bus, "INFO", None)
    changed = await _ask(bus, "UPDATE", {**found["config"], "allow_atomic": allowed})
    if bool(changed.get("config", {}).get("allow_atomic")) != allowed:
        raise NotWritten("The NATS server takes no batches: it has to be 2.12 or newer.")


async def _ask(bus: Bus, what: str, question: dict[str, Any] | None) -> dict[str, Any]:
    payload = b"" if question is None else json.dumps(question).encode()
    answer = await bus.nc.request(f"$JS.API.STREAM.{what}.{CALLS.name}", payload, timeout=10)
    found: dict[str, Any] = json.loads(answer.data)
    return found


def _headers(message: Ready, batch: str, number: int) -> dict[str, str]:
    headers = {
        "Nats-Msg-Id": message.id,
        "Nats-Batch-Id": batch,
        "Nats-Batch-Sequence": str(number),
    }
    if message.first:  # nothing may be there of its call
        headers["Nats-Expected-Last-Subject-Sequence"] = "0"
    return headers
