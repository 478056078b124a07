"""dialog.passages_wanted -> passages.found or passages.failed."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Final

from faststream.nats import NatsMessage

from contracts.codec import Codec, Unreadable
from contracts.dialog import PassagesWanted
from contracts.ids import HostId
from contracts.journal import Journal, JournalUnavailable
from contracts.passages import PassagesFailed, PassagesFound
from contracts.recorded import Message, PassagesEvent
from contracts.streams import CallPlace, parse_call_subject
from infra.telemetry import about
from services.rag.counts import Counts
from services.rag.find import Finder
from services.rag.rank import ranked
from services.rag.store import Shelf

_log: Final = logging.getLogger("partyline.rag")
_MARK: Final = b'"dialog.passages_wanted/'  # the tag of every version of the event
_RETRY_S: Final = 1.0


def wanted(payload: bytes) -> bool:
    """Whether a dialog message holds a question, as far as its bytes tell."""
    return _MARK in payload


class Answerer:
    """Answers the questions among the dialog's messages, side by side.

    Most messages hold none, so the tasks are our own: FastStream's workers cost each message
    0.2 ms more.
    """

    def __init__(
        self,
        finder: Finder,
        journal: Journal,
        codec: Codec,
        host: HostId,
        counts: Counts,
        *,
        stale_s: float,
        at_once: int,
    ) -> None:
        """
        Args:   stale_s: a question older than this is left alone; nobody waits for it any more.
                at_once: questions answered side by side; further ones wait here.
        """
        self._finder, self._journal, self._codec, self._host = finder, journal, codec, host
        self._counts, self._stale_s = counts, stale_s
        self._free = asyncio.Semaphore(at_once)
        self._held: dict[NatsMessage, asyncio.Task[None]] = {}
        self._stopping = False

    async def on_question(self, message: NatsMessage) -> None:
        """Take one message of a dialog. A question is acknowledged when its answer is stored."""
        if self._stopping:
            return await message.nack()  # another worker takes it at once
        self._held[message] = task = asyncio.create_task(self._take(message))
        task.add_done_callback(lambda _: self._held.pop(message, None))

    async def keep_alive(self) -> None:
        """Tell JetStream that what is held is still being worked on."""
        for message in list(self._held):
            await message.in_progress()

    def take_no_more(self) -> None:
        """What is still delivered goes to another worker at once."""
        self._stopping = True

    async def finish(self, within_s: float) -> None:
        """Return when what was taken is answered. What takes longer is handed to another worker."""
        tasks = list(self._held.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _take(self, message: NatsMessage) -> None:
        try:
            async with self._free:
                await self._answer_all(message)
        except JournalUnavailable:
            _log.warning("an answer could not be stored; it is tried again")
            await message.nack(delay=_RETRY_S)
        except asyncio.CancelledError:
            await message.nack()
            raise
        except Exception as failure:  # its text may quote the question
            _log.error("a question broke the worker's code: %s", type(failure).__name__)
            await message.nack(delay=_RETRY_S)

    async def _answer_all(self, message: NatsMessage) -> None:
        """Answer, then acknowledge. What no contract covers is never delivered again."""
        try:
            place = parse_call_subject(message.raw_message.subject)
            asked = await self._codec.read(place.call, message.body, live=True)
            questions = list(questions_in(asked))
        except Unreadable as broken:
            self._counts.unreadable += 1
            _log.error("CALLS message %s skipped: %s", _sequence(message), broken)
            return await message.reject()
        for question in questions:
            await self._answer(place, question)
        await message.ack()

    async def _answer(self, place: CallPlace, question: PassagesWanted) -> None:
        if self._is_stale(place, question):
            return
        answer = await self._look_up(place, question)
        if self._is_stale(place, question):  # paused meanwhile, so long that another has answered
            return
        await self._journal.append(
            place.tenant,
            place.call,
            "passages",
            Message(by=self._host, events=(answer,)),
            id=f"{place.call}:passages:{question.turn}",  # a redelivered question's is the same
        )

    def _is_stale(self, place: CallPlace, question: PassagesWanted) -> bool:
        """Whether nobody waits any more. The log knows an answer's id for longer than that."""
        stale = time.time() * 1000 - question.at_ms > self._stale_s * 1000
        if stale:
            self._counts.stale += 1
            _log.info("a question of call %s was too old", place.call)
        return stale

    async def look_up_ahead(
        self, place: CallPlace, question: PassagesWanted
    ) -> PassagesEvent | None:
        """The answer to a question that may never be asked in the log; None: there is no room."""
        if self._free.locked():
            return None
        async with self._free:
            return await self._look_up(place, question)

    async def _look_up(self, place: CallPlace, question: PassagesWanted) -> PassagesEvent:
        began_s = time.perf_counter()
        shelf = Shelf(place.tenant, question.agent.agent)
        about(place.tenant, place.call, question.agent.agent)
        try:
            found = await self._finder.find(shelf, question.question, question.limit)
        except Exception as failed:  # whatever the store raises, the caller must not wait for it
            kind = str(getattr(failed, "kind", type(failed).__name__))
            self._counts.failed += 1
            _log.error("a question of call %s failed: %s", place.call, kind)
            return PassagesFailed(at_ms=_now_ms(), turn=question.turn, kind=kind)
        self._counts.found += 1
        took_ms = (time.perf_counter() - began_s) * 1000
        return PassagesFound(
            at_ms=_now_ms(), turn=question.turn, passages=ranked(found), took_ms=round(took_ms, 3)
        )


def questions_in(message: Message) -> Iterator[PassagesWanted]:
    """Those among its events."""
    return (event for event in message.events if isinstance(event, PassagesWanted))


def _sequence(message: NatsMessage) -> int:
    return message.raw_message.metadata.sequence.stream


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
