"""A question asked ahead -> its passages, by return and without a word in the log.

A turn that is not over yet may never need them. The same question is asked in the log when it does.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from contracts.codec import Codec, Unreadable
from contracts.ids import HostId
from contracts.journal import JournalUnavailable
from contracts.recorded import Message
from contracts.streams import QUESTIONS, parse_call_subject
from infra.cancelling import end_tasks
from infra.nats import Bus
from services.rag.on_question import Answerer, questions_in

_log: Final = logging.getLogger("partyline.rag")
_QUEUE: Final = "rag"  # each request goes to one of the workers


class Foreseer:
    """Answers requests side by side while there is room; questions in the log come first."""

    def __init__(self, bus: Bus, answerer: Answerer, codec: Codec, host: HostId) -> None:
        self._bus, self._answerer, self._codec, self._host = bus, answerer, codec, host
        self._tasks: set[asyncio.Task[None]] = set()

    async def on_request(self, request: Msg) -> None:
        """Take a request. Without room it stays unanswered: the asker does not depend on it."""
        task = asyncio.create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Let go of what is under way."""
        await end_tasks(self._tasks)

    async def _answer(self, request: Msg) -> None:
        try:
            place = parse_call_subject(request.subject)
            message = await self._codec.read(place.call, request.data)
            (question,) = questions_in(message)
            if found := await self._answerer.look_up_ahead(place, question):
                answer = Message(by=self._host, events=(found,))
                reply = await self._codec.write(place.call, answer)
                await self._bus.nc.publish(request.reply, reply)
        except (ValueError, Unreadable, JournalUnavailable, nats.errors.Error, OSError) as failed:
            _log.info("a question asked ahead was left: %s", type(failed).__name__)


@asynccontextmanager
async def answering_requests(
    bus: Bus, answerer: Answerer, codec: Codec, host: HostId
) -> AsyncIterator[None]:
    """Answer requests during the block."""
    foreseer = Foreseer(bus, answerer, codec, host)
    subscription = await bus.nc.subscribe(QUESTIONS, queue=_QUEUE, cb=foreseer.on_request)
    try:
        yield
    finally:
        if not bus.nc.is_closed:
            await subscription.unsubscribe()
        await foreseer.finish()
