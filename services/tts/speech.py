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
from contracts.dialog import Voice
from contracts.event import Stage
from contracts.ids import HostId
from contracts.journal import Journal
from contracts.recorded import SynthesisEvent
from contracts.streams import CallPlace, audio_subject
from contracts.synthesis import SentenceSynthesized, SynthesisFailed, VoiceSwitched
from infra.chain import Breakers, order
from infra.nats import Bus
from services.audio.frames import SAMPLE_RATE_HZ, AgentChunk, pack_agent
from services.tts.cache import Phrases, Recording
from services.tts.chunks import Cutter
from services.tts.counts import Counts
from services.tts.lines import Line, Lines, Work
from services.tts.provider import Piece, SynthesisError, TextToSpeech, WordTimes
from services.tts.rest import Paces, rest_of
from services.tts.voices import closable, in_time, voices_of

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
    tries: int  # of a sentence of which nothing has been heard yet, with its last voice
    breakers: Breakers  # of the synthesisers
    paces: Paces


class Speech:
    """Speaks one sentence on one call."""

    def __init__(self, tools: Tools, place: CallPlace, line: Line, work: Work) -> None:
        self._tools, self._line, self._work = tools, line, work
        self._call = place.call
        self._out = tools.bus.sound(audio_subject(place.tenant, place.call, "agent"))
        self._left = work.written.text  # still to be said
        self._voice = work.written.voice  # asked last
        self._phrase: Recording | None = None  # where it comes from, of a fixed one
        self._cutter = Cutter()
        self._sign_s = 0.0  # of life, from the voice asked last
        self._begun_bytes = 0  # of the sentence's sound, said by other voices
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
        """The first voice that can; another goes on with what one leaves unsaid."""
        voices = voices_of(self._work.written.voice)
        breakers, lately = self._tools.breakers, self._line.lately
        places = order([each.provider for each in voices], breakers, lately)
        for place, following in zip(places, [*places[1:], None], strict=True):
            voice, self._sign_s = voices[place], time.perf_counter()
            breakers.asked(voice.provider)
            try:
                await self._try_voice(voice, last=following is None)
            except Exception as fault:  # whatever a provider raises, another may speak
                failure = _as_failure(voice, fault)
                breakers.failed(voice.provider, failure)
                lately.add(place)
                if following is None:
                    raise
                self._switch(voice, voices[following], failure.kind)
            else:
                breakers.answered(voice.provider)
                return lately.forget(place)
            finally:
                breakers.let_go(voice.provider)

    async def _try_voice(self, voice: Voice, *, last: bool) -> None:
        """Once; the last one again, as nobody else can be asked."""
        tries, heard_bytes = self._tools.tries if last else 1, self._work.sent_bytes
        for tried in range(1, tries + 1):
            try:
                return await self._speak_once(voice, last=last)
            except SynthesisError as failure:
                heard = self._work.sent_bytes > heard_bytes
                if not failure.retryable or heard or tried == tries:
                    raise
                await asyncio.sleep(_BACKOFF_S * tried)

    async def _speak_once(self, voice: Voice, *, last: bool) -> None:
        if not self._work.sent_bytes:
            self._cutter = Cutter()
        self._voice, begun_bytes = voice, self._sound_bytes
        async with aclosing(self._sound(voice, last=last)) as sound:
            async for piece in sound:
                self._sign_s = time.perf_counter()
                if isinstance(piece, WordTimes):
                    self._times = piece
                else:
                    self._send_what_is_due(piece)
        sound_of_it = sound_ms(self._sound_bytes - begun_bytes)
        self._tools.paces.learn(voice, len(self._left), sound_of_it)
        self._send(self._cutter.finish(), last=True)

    def _send_what_is_due(self, mulaw: bytes) -> None:
        for piece in self._cutter.add(mulaw, time.perf_counter()):
            self._send(piece)

    async def _sound(self, voice: Voice, *, last: bool) -> AsyncGenerator[Piece]:
        """What a voice makes of the text that is left. Raises SynthesisError."""
        if not any(map(str.isalnum, self._left)):
            return  # nothing to say, and some synthesisers refuse such a text
        provider = self._tools.providers.get(voice.provider)
        if provider is None:
            raise SynthesisError(voice.provider, "unknown_provider", retryable=False)
        if self._work.written.fixed and self._left == self._work.written.text:
            phrase = self._tools.phrases.phrase(provider, self._left, voice)
            pieces, self._phrase = closable(phrase.listen()), phrase
        else:
            pieces, self._phrase = closable(provider.speak(self._left, voice)), None
        if not last:
            pieces = in_time(pieces, voice.provider, self._work.written.voice)
        async with aclosing(pieces) as sound:
            async for piece in sound:
                yield piece

    @property
    def _sound_bytes(self) -> int:
        """Of the sentence so far, sent or about to be."""
        return self._work.sent_bytes + self._cutter.held_bytes

    def _switch(self, left: Voice, following: Voice, kind: str) -> None:
        """Of what the caller has heard nothing is said again, but for the word that broke off."""
        work, written = self._work, self._work.written
        stage: Stage = "connect" if kind in ("unreachable", "unknown_provider") else "first"
        said_bytes = self._sound_bytes - self._begun_bytes if work.sent_bytes else 0
        if said_bytes:
            stage, pace = "amid", self._tools.paces.ms_per_character(left)
            self._left = rest_of(self._left, sound_ms(said_bytes), pace)
            self._begun_bytes = self._sound_bytes
        _log.warning("call %s: %s: %s", self._call, left.provider, kind)
        work.switches.append(
            VoiceSwitched(
                at_ms=now_ms(),
                reply=written.reply,
                sentence=written.sentence,
                from_provider=left.provider,
                to_provider=following.provider,
                kind=kind,
                stage=stage,
                wait_ms=round((time.perf_counter() - self._sign_s) * 1000, 3),
                audio_ms=sound_ms(self._sound_bytes) if work.sent_bytes else 0,
            )
        )

    def _send(self, mulaw: bytes, *, last: bool = False) -> None:
        work = self._work
        reply, sentence = work.place
        start_bytes = work.sent_bytes
        chunk = AgentChunk(work.epoch, reply, sentence, start_bytes, last, now_ms(), mulaw)
        self._out.publish(pack_agent(chunk))
        work.sent_bytes += len(mulaw)
        if work.first_audio_s is None:
            work.first_audio_s = time.perf_counter()
            work.under_way.set()

    def _synthesized(self) -> SentenceSynthesized:
        work, written = self._work, self._work.written
        self._tools.counts.synthesized += 1
        cached = self._phrase is not None and self._phrase.cached
        self._tools.counts.cached += cached
        assert work.first_audio_s is not None
        return SentenceSynthesized(
            at_ms=now_ms(),
            reply=written.reply,
            sentence=written.sentence,
            audio_ms=sound_ms(work.sent_bytes),
            first_audio_ms=round((work.first_audio_s - work.began_s) * 1000, 3),
            took_ms=round((time.perf_counter() - work.began_s) * 1000, 3),
            characters=len(written.text),
            provider=self._voice.provider,
            cached=cached,
            word_ends_ms=self._word_ends_ms(),
        )

    def _word_ends_ms(self) -> tuple[int, ...]:
        """Nothing rather than the times of other words than those written.

        Nothing, too, of a sentence that two voices shared: where the first ended is reckoned.
        """
        ends_ms = self._times.ends_ms if self._times and not self._begun_bytes else ()
        return ends_ms if len(ends_ms) == len(self._work.written.text.split()) else ()

    def _failed(self, failure: Exception) -> SynthesisFailed:
        """The kind only: a failure's own words may be the caller's."""
        self.end()
        self._tools.counts.failed += 1
        kind = _as_failure(self._voice, failure).kind
        written = self._work.written
        _log.error("call %s: %s failed: %s", self._call, self._voice.provider, kind)
        return SynthesisFailed(
            at_ms=now_ms(),
            reply=written.reply,
            sentence=written.sentence,
            kind=kind,
            provider=self._voice.provider,
        )


def _as_failure(voice: Voice, fault: Exception) -> SynthesisError:
    if isinstance(fault, SynthesisError):
        return fault
    return SynthesisError(voice.provider, type(fault).__name__, retryable=False)


def sound_ms(sound_bytes: int) -> int:
    """How long so much mu-law lasts, in whole milliseconds."""
    return sound_bytes * 1000 // SAMPLE_RATE_HZ


def now_ms() -> int:
    """UNIX time in milliseconds."""
    return time.time_ns() // 1_000_000
