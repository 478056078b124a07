"""One sentence spoken on one call.

After a worker's death another speaks the whole sentence again; each piece says where in the
sentence it belongs, so the gateway goes on where the first one fell silent. With a voice that says
a sentence the same way each time nothing of that is heard; with one that does not, there is a
splice, which can't be avoided: nobody but the first worker knew how it would have gone on.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

import msgspec

from contracts.codec import Codec
from contracts.ids import HostId
from contracts.journal import Journal
from contracts.recorded import SynthesisEvent
from contracts.streams import CallPlace, audio_subject
from contracts.synthesis import SentenceSynthesized, SynthesisFailed
from infra.nats import Bus
from services.audio.frames import SAMPLE_RATE_HZ, AgentChunk, pack_agent
from services.tts.cache import Phrases
from services.tts.chunks import Cutter
from services.tts.counts import Counts
from services.tts.lines import Line, Lines, Work
from services.tts.provider import Piece, SynthesisError, TextToSpeech, WordTimes

_log: Final = logging.getLogger("partyline.tts")
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


class Speech:
    """Speaks one sentence on one call."""

    def __init__(self, tools: Tools, place: CallPlace, line: Line, work: Work) -> None:
        self._tools, self._line, self._work = tools, line, work
        self._call = place.call
        self._subject = audio_subject(place.tenant, place.call, "agent")
        self._cached = False
        self._times: WordTimes | None = None

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
                if not failure.retryable or self._work.sent_bytes or tried == self._tools.tries:
                    raise
                await asyncio.sleep(_BACKOFF_S * tried)

    async def _speak_once(self) -> None:
        cutter = Cutter()
        async with aclosing(self._sound()) as sound:
            async for piece in sound:
                if isinstance(piece, WordTimes):
                    self._times = piece
                else:
                    self._send_what_is_due(cutter, piece)
        self._send(cutter.finish(), last=True)

    def _send_what_is_due(self, cutter: Cutter, mulaw: bytes) -> None:
        for piece in cutter.add(mulaw, time.perf_counter()):
            self._send(piece)

    async def _sound(self) -> AsyncGenerator[Piece]:
        written = self._work.written
        provider = self._tools.providers.get(written.voice.provider)
        if provider is None:
            raise SynthesisError(written.voice.provider, "unknown_provider", retryable=False)
        if not any(map(str.isalnum, written.text)):
            return  # nothing to say, and some synthesisers refuse such a text
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
        reply, sentence = work.place
        start_bytes = work.sent_bytes
        chunk = AgentChunk(work.epoch, reply, sentence, start_bytes, last, now_ms(), mulaw)
        self._tools.bus.pub_kept(self._subject, pack_agent(chunk))
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
            at_ms=now_ms(),
            reply=written.reply,
            sentence=written.sentence,
            audio_ms=sound_ms(work.sent_bytes),
            first_audio_ms=round((work.first_audio_s - work.began_s) * 1000, 3),
            took_ms=round((time.perf_counter() - work.began_s) * 1000, 3),
            characters=len(written.text),
            provider=written.voice.provider,
            cached=self._cached,
            word_ends_ms=self._word_ends_ms(),
        )

    def _word_ends_ms(self) -> tuple[int, ...]:
        """Nothing rather than the times of other words than those written."""
        ends_ms = self._times.ends_ms if self._times else ()
        return ends_ms if len(ends_ms) == len(self._work.written.text.split()) else ()

    def _failed(self, failure: Exception) -> SynthesisFailed:
        """The kind only: a failure's own words may be the caller's."""
        self.end()
        self._tools.counts.failed += 1
        kind = failure.kind if isinstance(failure, SynthesisError) else type(failure).__name__
        written = self._work.written
        _log.error("call %s: %s failed: %s", self._call, written.voice.provider, kind)
        return SynthesisFailed(
            at_ms=now_ms(),
            reply=written.reply,
            sentence=written.sentence,
            kind=kind,
            provider=written.voice.provider,
        )


def sound_ms(sound_bytes: int) -> int:
    """How long so much mu-law lasts, in whole milliseconds."""
    return sound_bytes * 1000 // SAMPLE_RATE_HZ


def now_ms() -> int:
    """UNIX time in milliseconds."""
    return time.time_ns() // 1_000_000
