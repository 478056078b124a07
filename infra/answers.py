"""Questions to the server that are written at once, and whose answers wake who asked at once.

nats-py writes by way of a task and hands an answer on through a queue, a task and a timeout of
asyncio's. A turn waits for three appends before the caller hears anything.
"""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Final

from nats.aio.subscription import Subscription

from infra.audio_client import AudioClient

_NOBODY: Final = b"NATS/1.0 503"  # no responders


class Answers:
    """Those that are due on one connection, by an inbox of its own."""

    def __init__(self, client: AudioClient) -> None:
        self._client: Final = client
        self._numbers: Final = count(1)
        self._due: dict[bytes, asyncio.Future[bytes | None]] = {}
        self._inbox = ""
        self._listening: asyncio.Task[Subscription] | None = None

    async def ask(
        self, subject: str, payload: bytes, headers: Mapping[str, str], *, within_s: float
    ) -> bytes | None:
        """The answer; None when there is none in time, or nobody there to give one.

        What is asked while the connection is away is not sent later. Raises OSError then, and
        nats.errors.Error for what the server would never take.
        """
        await self._listen()
        loop, number = asyncio.get_running_loop(), b"%d" % next(self._numbers)
        answer: asyncio.Future[bytes | None] = loop.create_future()
        self._due[number] = answer
        patience = loop.call_later(within_s, self._settle, number, None)
        try:
            self._client.ask(subject, f"{self._inbox}.{number.decode()}", payload, headers)
            return await answer
        finally:
            patience.cancel()
            self._due.pop(number, None)

    async def _listen(self) -> None:
        if self._listening is None or (self._listening.done() and not _made(self._listening)):
            self._inbox = self._client.new_inbox()
            listening = self._client.sub_raw(f"{self._inbox}.*", self._on_answer)
            self._listening = asyncio.create_task(listening)
        if not self._listening.done():
            await asyncio.shield(self._listening)

    def _on_answer(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes) -> None:
        nobody = headers.startswith(_NOBODY)
        self._settle(subject.rpartition(b".")[2], None if nobody else payload)

    def _settle(self, number: bytes, payload: bytes | None) -> None:
        answer = self._due.get(number)
        if answer is not None and not answer.done():
            answer.set_result(payload)


def _made(listening: "asyncio.Task[Subscription]") -> bool:
    return not listening.cancelled() and listening.exception() is None
