"""A question asked ahead -> its passages, by return and without a word in the log.

A turn that is not over yet may never need them. The same question is asked in the log when it does.
"""

import logging
from contextlib import AbstractAsyncContextManager
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from contracts.codec import Codec, Unreadable
from contracts.ids import HostId
from contracts.journal import JournalUnavailable
from contracts.recorded import Message
from contracts.streams import QUESTIONS, parse_call_subject
from infra.nats import Bus
from infra.requests import answering
from services.rag.on_question import Answerer, questions_in

_log: Final = logging.getLogger("partyline.rag")
_QUEUE: Final = "rag"  # each request goes to one of the workers


class Foreseer:
    """Answers requests while there is room; questions in the log come first."""

    def __init__(self, bus: Bus, answerer: Answerer, codec: Codec, host: HostId) -> None:
        self._bus, self._answerer, self._codec, self._host = bus, answerer, codec, host

    async def answer(self, request: Msg) -> None:
        """With passages. Without room it stays unanswered: the asker does not depend on it."""
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


def answering_requests(
    bus: Bus, answerer: Answerer, codec: Codec, host: HostId
) -> AbstractAsyncContextManager[None]:
    """Answer requests during the block."""
    return answering(bus, QUESTIONS, _QUEUE, Foreseer(bus, answerer, codec, host).answer)
