"""dialog.sentence_written -> audio, then synthesis.synthesized, dropped or failed."""

import asyncio
import logging
import time
from typing import Final

from faststream.nats import NatsMessage

from contracts.codec import Unreadable
from contracts.dialog import SentenceWritten
from contracts.ids import BadId
from contracts.journal import JournalUnavailable
from contracts.recorded import Message, SynthesisEvent
from contracts.seal import Locked
from contracts.streams import CALLS, CallPlace, audio_subject, parse_call_subject
from contracts.synthesis import SynthesisDropped
from infra.telemetry import about
from services.tts.lines import Line, Work, may_stop
from services.tts.settled import settled
from services.tts.speech import Speech, Tools, now_ms, sound_ms

_log: Final = logging.getLogger("partyline.tts")
_MARK: Final = b'"dialog.sentence_written/'  # the tag of every version of the event
_RETRY_S: Final = 1.0  # until a sentence whose outcome could not be stored comes again
_DOUBTFUL_S: Final = CALLS.duplicate_window_s / 2  # later the log may not know an outcome's id


def wanted(payload: bytes) -> bool:
    """Whether a dialog message has anything to do with sentences, as far as its bytes tell."""
    return _MARK in payload or may_stop(payload)


class Speaker:
    """Speaks the sentences among the dialogs' messages, all calls side by side."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._held: dict[NatsMessage, asyncio.Task[None]] = {}
        self._stopping = False

    async def on_dialog(self, message: NatsMessage) -> None:
        """Take a message up. Returns at once; the message is acknowledged when it is dealt with."""
        if self._stopping:
            return await message.nack()  # another worker takes it at once
        try:
            place = _place(message.raw_message.subject)
            said = await self._tools.codec.read(place.call, message.body, live=True)
        except (Unreadable, BadId) as broken:
            return await self._refuse(message, str(broken))
        except (JournalUnavailable, Locked) as shut:
            _log.warning("call %s: a sentence could not be opened: %s", place.call, shut)
            return await message.nack(delay=_RETRY_S)
        sequence = _sequence(message)
        self._tools.lines.line(place).learn(said, sequence)
        sentences = [event for event in said.events if isinstance(event, SentenceWritten)]
        if not sentences:
            return await message.ack()
        works = [Work(said.epoch, sentence, sequence) for sentence in sentences]
        self._held[message] = task = asyncio.create_task(self._take(message, place, works))
        task.add_done_callback(lambda _: self._held.pop(message, None))

    async def _refuse(self, message: NatsMessage, why: str) -> None:
        self._tools.counts.unreadable += 1
        _log.error("CALLS message %d skipped: %s", _sequence(message), why)
        await message.reject()

    async def keep_alive(self) -> None:
        """Tell JetStream that what is held is still being worked on."""
        for message in list(self._held):
            await message.in_progress()
        await self._tools.lines.rest()

    def take_no_more(self) -> None:
        """What is still delivered goes to another worker at once."""
        self._stopping = True

    async def finish(self, within_s: float) -> None:
        """Let the sentences in work end; hand those to another worker that do not in time."""
        tasks = list(self._held.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _take(self, message: NatsMessage, place: CallPlace, works: list[Work]) -> None:
        sequence = _sequence(message)
        about(place.tenant, place.call)
        try:
            if message.raw_message.metadata.num_delivered > 1:
                done = await settled(self._tools.journal, place)
                works = [work for work in works if work.place not in done]
            await self._settle_all(place, works, sequence)
        except JournalUnavailable:
            _log.warning("call %s: an outcome could not be stored; again later", place.call)
            await message.nack(delay=_RETRY_S)
        except asyncio.CancelledError:
            await message.nack()
            raise
        except Exception as failure:  # a fault of ours would come again with every delivery
            await self._refuse(message, type(failure).__name__)
            raise
        else:
            await message.ack()

    async def _settle_all(self, place: CallPlace, works: list[Work], sequence: int) -> None:
        """The caller waits for the first: it is begun in this task, and the others beside it."""
        others = asyncio.gather(*(self._settle(place, work, sequence) for work in works[1:]))
        try:
            for work in works[:1]:
                await self._settle(place, work, sequence)
        except asyncio.CancelledError:
            others.cancel()
            raise
        finally:
            await others

    async def _settle(self, place: CallPlace, work: Work, sequence: int) -> None:
        """Speak one sentence and store what came of it."""
        line = self._tools.lines.line(place)
        if (same := line.works.get(work.place)) is not None:
            await same.over.wait()  # delivered again while in work: the first delivery settles it
            if not same.stored:
                raise JournalUnavailable("the first delivery's outcome was not stored")
            return
        line.works[work.place] = work
        try:
            outcome = await self._outcome(place, line, work, sequence)
            await self._store(place, work, outcome)
            work.stored = True
        finally:
            del line.works[work.place]
            work.over.set()

    async def _store(self, place: CallPlace, work: Work, outcome: SynthesisEvent) -> None:
        """The id is the same for every outcome: a sentence delivered again keeps its first.

        A worker that was paused may be back so late that the log has forgotten the id.
        """
        reply, sentence = work.place
        doubtful = time.perf_counter() - work.began_s > _DOUBTFUL_S
        if doubtful and work.place in await settled(self._tools.journal, place):
            return
        await self._tools.journal.append(
            place.tenant,
            place.call,
            "synthesis",
            Message(by=self._tools.host, events=(*work.switches, outcome)),
            id=f"{place.call}:synthesis:{reply}:{sentence}",
        )

    async def _outcome(
        self, place: CallPlace, line: Line, work: Work, sequence: int
    ) -> SynthesisEvent:
        age_s = time.time() - work.written.at_ms / 1000
        if line.refuses(work):
            return self._dropped(work)
        speech = Speech(self._tools, place, line, work)
        if age_s > self._tools.stale_s:
            speech.end()  # those who wait for this sentence may go on to the next
            return self._dropped(work)
        await self._tools.lines.listen(place, line, sequence)
        if work.dropped:
            return self._dropped(work)
        work.speaking = asyncio.current_task()
        try:
            return await speech.speak()
        except asyncio.CancelledError:
            if work.taken_back():
                return self._dropped(work)
            raise
        finally:
            work.speaking = None
            work.under_way.set()

    def _dropped(self, work: Work) -> SynthesisDropped:
        self._tools.counts.dropped += 1
        reply, sentence = work.place
        return SynthesisDropped(
            at_ms=now_ms(), reply=reply, sentence=sentence, audio_ms=sound_ms(work.sent_bytes)
        )


def _place(subject: str) -> CallPlace:
    """Whose message it is. Raises BadId for what no audio subject can be made of."""
    place = parse_call_subject(subject)
    audio_subject(place.tenant, place.call, "agent")
    return place


def _sequence(message: NatsMessage) -> int:
    return message.raw_message.metadata.sequence.stream
