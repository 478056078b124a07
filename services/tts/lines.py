"""What a worker knows of the calls whose sentences it speaks: who owns them, what was cut off."""

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Final

from contracts.codec import Unreadable, outline
from contracts.dialog import CallEnded, ReplyInterrupted, SentenceWritten
from contracts.ids import CallId, TenantId
from contracts.journal import Journal, JournalUnavailable
from contracts.recorded import Message
from contracts.streams import CallPlace, live_subject
from contracts.synthesis import VoiceSwitched
from infra.chain import Failed
from infra.handover import Listening
from infra.nats import Bus
from services.tts.counts import Counts

_log: Final = logging.getLogger("partyline.tts")
_REMEMBERED: Final = 20_000  # calls
_LINGER_S: Final = 30.0  # a call is listened to for so long after its last sentence
# Tags of every version of the events that can stop a sentence.
_STOPS: Final = (b'"dialog.reply_interrupted/', b'"dialog.ended/', b'"owner.claimed/')


def may_stop(payload: bytes) -> bool:
    """Whether a dialog message is worth decoding for a call's line."""
    return any(mark in payload for mark in _STOPS)


class Work:
    """A sentence that is being spoken."""

    def __init__(self, epoch: int, written: SentenceWritten, sequence: int) -> None:
        """`sequence`: stream sequence of the decision that wrote it."""
        self.epoch, self.written, self.sequence = epoch, written, sequence
        self.began_s = time.perf_counter()
        self.first_audio_s: float | None = None
        self.sent_bytes = 0  # of sound
        self.dropped = False
        self.switches: list[VoiceSwitched] = []  # of voices, stored with its outcome
        self.stored = False  # what came of it is in the log
        self.under_way = asyncio.Event()  # its first audio is out, or never will be
        self.over = asyncio.Event()
        self.speaking: asyncio.Task[object] | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Reply and sentence: the order in which the caller hears them."""
        return self.written.reply, self.written.sentence

    def drop(self) -> None:
        """Stop speaking at once."""
        if self.dropped:
            return
        self.dropped = True
        if self.speaking is not None:
            self.speaking.cancel()

    def taken_back(self) -> bool:
        """Whether `drop` alone cancelled the task that speaks; it goes on then."""
        return self.dropped and self.speaking is not None and not self.speaking.uncancel()


class Line:
    """One call."""

    def __init__(self) -> None:
        self.works: dict[tuple[int, int], Work] = {}
        self.subscription: Listening | None = None
        self.used_s = time.monotonic()
        self.lately = Failed()  # voices that failed this call
        self._epoch = 0  # the highest seen
        self._since: int | None = None  # stream sequence from which on lower ones are refused
        self._interrupted = 0  # this reply and all before it are over
        self._ended = False

    def learn(self, message: Message, sequence: int | None = None) -> None:
        """Take in a dialog message of the call, and drop the sentences it overtakes.

        `sequence`: its place in the stream, where it is known.
        """
        if message.epoch > self._epoch:
            self._epoch, self._since = message.epoch, sequence
        elif message.epoch == self._epoch and self._since is None:
            self._since = sequence
        for event in message.events:
            match event:
                case ReplyInterrupted(reply=reply):
                    self._interrupted = max(self._interrupted, reply)
                case CallEnded():
                    self._ended = True
                case _:
                    pass
        for work in list(self.works.values()):
            if self.refuses(work):
                work.drop()

    def refuses(self, work: "Work") -> bool:
        """Whether nobody wants to hear this sentence any more, or its writer had no right to it.

        What an owner wrote before the next one claimed the call is heard to its end.
        """
        late = self._since is not None and work.sequence > self._since
        stale = work.epoch < self._epoch and late
        return self._ended or stale or work.written.reply <= self._interrupted

    def before(self, work: Work) -> Work | None:
        """The sentence in work that the caller hears before this one, in the same reply."""
        reply, sentence = work.place
        earlier = [at for at in self.works if at[0] == reply and at[1] < sentence]
        return self.works[max(earlier)] if earlier else None


class Lines:
    """The calls used last; each is listened to while its sentences are in work."""

    def __init__(self, bus: Bus, journal: Journal, counts: Counts) -> None:
        self._bus, self._journal, self._counts = bus, journal, counts
        self._lines: OrderedDict[tuple[TenantId, CallId], Line] = OrderedDict()
        self._listened: dict[tuple[TenantId, CallId], Line] = {}
        self._reading: set[asyncio.Task[None]] = set()

    def line(self, place: CallPlace) -> Line:
        """What is known of a call."""
        at = (place.tenant, place.call)
        line = self._lines.get(at)
        if line is None:
            line = self._lines[at] = self._listened.get(at) or Line()
            if len(self._lines) > _REMEMBERED:
                self._lines.popitem(last=False)
        self._lines.move_to_end(at)
        line.used_s = time.monotonic()
        return line

    async def listen(self, place: CallPlace, line: Line, sequence: int) -> None:
        """Hear at once what stops the call's sentences, from the message `sequence` on."""
        at = (place.tenant, place.call)
        if at in self._listened:
            return
        self._listened[at] = line

        def on_dialog(payload: bytes) -> None:
            if may_stop(payload):
                self._learn(place, line, payload)

        subject = live_subject(place.tenant, place.call, "dialog")
        line.subscription = await self._bus.sub(subject, on_dialog)
        reading = asyncio.create_task(self._catch_up(place, line, sequence))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    async def rest(self) -> None:
        """Stop listening to calls without work. Asked for now and then."""
        long_ago_s = time.monotonic() - _LINGER_S
        for at, line in list(self._listened.items()):
            if not line.works and line.used_s < long_ago_s:
                await self._leave(at)

    async def close(self) -> None:
        """Stop listening to all calls."""
        for reading in list(self._reading):
            reading.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        for at in list(self._listened):
            await self._leave(at)

    async def _leave(self, at: tuple[TenantId, CallId]) -> None:
        subscription = self._listened.pop(at).subscription
        if subscription is not None and not self._bus.nc.is_closed:
            await subscription.unsubscribe()

    async def _catch_up(self, place: CallPlace, line: Line, sequence: int) -> None:
        """Read what was stored between the sentence and the subscription."""
        try:
            stored = self._journal.read(place.tenant, place.call, "dialog", after=sequence)
            async for recorded in stored:
                line.learn(recorded.message, recorded.sequence)
        except JournalUnavailable as failed:
            _log.warning("call %s: not caught up: %s", place.call, failed)

    def _learn(self, place: CallPlace, line: Line, payload: bytes) -> None:
        try:
            line.learn(outline(payload))  # no words are wanted, so no key
        except Unreadable as broken:  # the consumer gets it too, and ends its delivery
            _log.warning("call %s: a live message is left out: %s", place.call, broken)
