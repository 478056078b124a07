"""dialog.sentence_written -> audio, then synthesis.synthesized, dropped or failed."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

import msgspec
from faststream.nats import NatsMessage

from contracts.codec import Codec, Unreadable
from contracts.dialog import SentenceWritten
from contracts.ids import BadId, HostId
from contracts.journal import Journal, JournalUnavailable
from contracts.recorded import Message, SynthesisEvent
from contracts.streams import CallPlace, audio_subject, parse_call_subject
from contracts.synthesis import SentenceSynthesized, SynthesisDropped, SynthesisFailed
from infra.nats import Bus
from services.audio.frames import SAMPLE_RATE_HZ, AgentChunk, pack_agent
from services.tts.cache import Phrases
from services.tts.chunks import Cutter
from services.tts.counts import Counts
from services.tts.lines import Line, Lines, Work, may_stop
from services.tts.provider import SynthesisError, TextToSpeech

_log: Final = logging.getLogger("partyline.tts")
_MARK: Final = b'"dialog.sentence_written/'  # the tag of every version of the event
_RETRY_S: Final = 1.0  # until a sentence whose outcome could not be stored comes again
_BACKOFF_S: Final = 0.1


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What a speaker works with."""

    bus: Bus
    journal: Journal
    codec: Codec
    host: HostId
    providers: Mapping[str, TextToSpeech]
    phrases: Phrases
    lines: Lines
    counts: Counts
    stale_s: float  # nobody waits for a sentence older than this any more
    tries: int  # of a sentence of which nothing has been heard yet


class Speaker:
    """Speaks the sentences among the dialogs' messages, all calls side by side."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._held: dict[NatsMessage, asyncio.Task[None]] = {}

    async def on_dialog(self, message: NatsMessage) -> None:
        """Take a message up. Returns at once; the message is acknowledged when it is dealt with."""
        payload = message.body
        if _MARK not in payload and not may_stop(payload):
            return await message.ack()
        try:
            place = _place(message.raw_message.subject)
            said = self._tools.codec.decode(place.call, payload)
        except (Unreadable, BadId) as broken:
            return await self._refuse(message, str(broken))
        self._tools.lines.line(place).learn(said)
        sentences = [event for event in said.events if isinstance(event, SentenceWritten)]
        if not sentences:
            return await message.ack()
        works = [Work(said.epoch, sentence) for sentence in sentences]
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
        try:
            await asyncio.gather(*(self._settle(place, work, sequence) for work in works))
        except JournalUnavailable:
            _log.warning("call %s: an outcome could not be stored; again later", place.call)
            await message.nack(delay=_RETRY_S)
        except asyncio.CancelledError:
            await message.nack()
            raise
        else:
            await message.ack()

    async def _settle(self, place: CallPlace, work: Work, sequence: int) -> None:
        """Speak one sentence and store what came of it."""
        line = self._tools.lines.line(place)
        if (same := line.works.get(work.place)) is not None:
            await same.over.wait()  # delivered again while in work: the first delivery settles it
            return
        line.works[work.place] = work
        try:
            outcome = await self._outcome(place, line, work, sequence)
            await self._store(place, work, outcome)
        finally:
            del line.works[work.place]
            work.over.set()

    async def _store(self, place: CallPlace, work: Work, outcome: SynthesisEvent) -> None:
        """The id is the same for every outcome: a sentence delivered again keeps its first."""
        reply, sentence = work.place
        await self._tools.journal.append(
            place.tenant,
            place.call,
            "synthesis",
            Message(by=self._tools.host, events=(outcome,)),
            id=f"{place.call}:synthesis:{reply}:{sentence}",
        )

    async def _outcome(
        self, place: CallPlace, line: Line, work: Work, sequence: int
    ) -> SynthesisEvent:
        age_s = time.time() - work.written.at_ms / 1000
        if line.refuses(work.epoch, work.written.reply):
            return self._dropped(work)
        voice = _Voice(self._tools, place, line, work)
        if age_s > self._tools.stale_s:
            voice.end()  # those who wait for this sentence may go on to the next
            return self._dropped(work)
        await self._tools.lines.listen(place, line, sequence)
        if work.dropped:
            return self._dropped(work)
        work.speaking = speaking = asyncio.create_task(voice.speak())
        try:
            return await speaking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if work.dropped and not (task and task.cancelling()):
                return self._dropped(work)
            raise
        finally:
            work.under_way.set()

    def _dropped(self, work: Work) -> SynthesisDropped:
        self._tools.counts.dropped += 1
        reply, sentence = work.place
        return SynthesisDropped(
            at_ms=_now_ms(), reply=reply, sentence=sentence, audio_ms=_ms(work.sent_bytes)
        )


class _Voice:
    """Speaks one sentence on one call."""

    def __init__(self, tools: Tools, place: CallPlace, line: Line, work: Work) -> None:
        self._tools, self._line, self._work = tools, line, work
        self._call = place.call
        self._subject = audio_subject(place.tenant, place.call, "agent")
        self._cached = False

    async def speak(self) -> SynthesisEvent:
        """Send all audio of the sentence; what goes wrong becomes an event."""
        if (earlier := self._line.before(self._work)) is not None:
            await earlier.under_way.wait()
        try:
            await self._try_to_speak()
        except Exception as failure:  # whatever a provider raises, the call goes on
            return self._failed(failure)
        return self._synthesized()

    def end(self) -> None:
        """Tell that no more sound of this sentence comes: a moment of silence with the mark."""
        self._send(Cutter().finish(), last=True)

    async def _try_to_speak(self) -> None:
        for tried in range(1, self._tools.tries + 1):
            try:
                return await self._speak_once()
            except SynthesisError as failure:
                if not failure.retryable or self._work.chunks or tried == self._tools.tries:
                    raise
                await asyncio.sleep(_BACKOFF_S * tried)

    async def _speak_once(self) -> None:
        cutter = Cutter()
        async with aclosing(self._sound()) as sound:
            async for mulaw in sound:
                for piece in cutter.add(mulaw, time.perf_counter()):
                    self._send(piece)
        self._send(cutter.finish(), last=True)

    async def _sound(self) -> AsyncGenerator[bytes]:
        written = self._work.written
        provider = self._tools.providers.get(written.voice.provider)
        if provider is None:
            raise SynthesisError(written.voice.provider, "unknown_provider", retryable=False)
        if not written.fixed:
            pieces = provider.speak(written.text, written.voice)
        else:
            phrase = self._tools.phrases.phrase(provider, written.text, written.voice)
            pieces = phrase.listen()
        assert isinstance(pieces, AsyncGenerator)  # the port promises that it can be closed
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
        self._cached = written.fixed and phrase.cached

    def _send(self, mulaw: bytes, *, last: bool = False) -> None:
        work = self._work
        work.chunks += 1
        reply, sentence = work.place
        chunk = AgentChunk(work.epoch, reply, sentence, work.chunks, last, _now_ms(), mulaw)
        self._tools.bus.pub(self._subject, pack_agent(chunk))
        work.sent_bytes += len(mulaw)
        if work.first_audio_s is None:
            work.first_audio_s = time.perf_counter()
            work.under_way.set()

    def _synthesized(self) -> SentenceSynthesized:
        work, written = self._work, self._work.written
        self._tools.counts.synthesized += 1
        self._tools.counts.cached += self._cached
        assert work.first_audio_s is not None
        return SentenceSynthesized(
            at_ms=_now_ms(),
            reply=written.reply,
            sentence=written.sentence,
            audio_ms=_ms(work.sent_bytes),
            first_audio_ms=round((work.first_audio_s - work.began_s) * 1000, 3),
            took_ms=round((time.perf_counter() - work.began_s) * 1000, 3),
            characters=len(written.text),
            provider=written.voice.provider,
            cached=self._cached,
        )

    def _failed(self, failure: Exception) -> SynthesisFailed:
        """The kind only: a failure's own words may be the caller's."""
        self.end()
        self._tools.counts.failed += 1
        kind = failure.kind if isinstance(failure, SynthesisError) else type(failure).__name__
        written = self._work.written
        _log.error("call %s: %s failed: %s", self._call, written.voice.provider, kind)
        return SynthesisFailed(
            at_ms=_now_ms(),
            reply=written.reply,
            sentence=written.sentence,
            kind=kind,
            provider=written.voice.provider,
        )


def _place(subject: str) -> CallPlace:
    """Whose message it is. Raises BadId for what no audio subject can be made of."""
    place = parse_call_subject(subject)
    audio_subject(place.tenant, place.call, "agent")
    return place


def _sequence(message: NatsMessage) -> int:
    return message.raw_message.metadata.sequence.stream


def _ms(sound_bytes: int) -> int:
    return sound_bytes * 1000 // SAMPLE_RATE_HZ


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
