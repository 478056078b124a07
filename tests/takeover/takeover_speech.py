"""Callers who say numbered utterances in touch tones, in real time, whoever listens."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from eventually import eventually_async
from takeover_talk import newest, now_ms, stale

from contracts.agent import Agent, Provider, Turns
from contracts.claim import Claim
from contracts.event import AgentRef
from contracts.ids import TenantId, new_call_id
from contracts.line import LineEnded, SpeechEnded, SpeechStarted
from contracts.recorded import LineEvent, Message, Recorded
from contracts.streams import audio_subject
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from infra.claims import offer
from infra.journal import NatsJournal
from infra.nats import Bus
from services.audio.frames import FRAME_BYTES, FRAME_MS, SILENT_FRAME, pack_caller
from services.audio.touch_tones import encode

TURNS = Turns(stop_ms=200, silence_ms=300)
KNOWN_AFTER_FRAMES = TURNS.speech_ms // FRAME_MS  # the start of speech is told so late
STOP_FRAMES = TURNS.stop_ms // FRAME_MS
_WITHIN_S = 30.0


def a_listener() -> Agent:
    """An agent that understands touch tones."""
    return Agent(name="listener", turns=TURNS, stt=Provider(provider="tones"))


class Speaker:
    """One call's caller: an utterance, a pause, another."""

    def __init__(self, bus: Bus, tenant: TenantId, ref: AgentRef, seed: int) -> None:
        self.bus, self.tenant, self.ref = bus, tenant, ref
        self.call = new_call_id()
        self.journal = NatsJournal(bus)
        self.said: list[str] = []
        self._any_of = random.Random(seed)
        self._frame = 0
        self._told: asyncio.Queue[LineEvent] = asyncio.Queue()
        self._subject = audio_subject(tenant, self.call, "caller")
        self._frames = self._talk()
        self._stopping = False
        self.speaks = asyncio.Event()  # the first utterance is known to have begun
        self.silent = asyncio.Event()  # there will be no further one

    async def ring(self) -> None:
        claim = Claim(
            tenant=self.tenant, call=self.call, role="stt", agent=self.ref, rang_ms=now_ms()
        )
        await offer(self.bus, claim)
        self._telling = asyncio.create_task(self._tell())

    def tick(self) -> None:
        """20 ms have passed."""
        self._frame += 1
        payload = pack_caller(self._frame, now_ms(), next(self._frames))
        self.bus.pub(self._subject, payload)

    def stop(self) -> None:
        """Say no more after the present utterance."""
        self._stopping = True

    async def hang_up(self) -> None:
        """When all that was said is written down, or half a minute later."""
        await self.silent.wait()

        async def all_written() -> bool:
            return len(await self.understood()) >= len(self.said)

        with contextlib.suppress(AssertionError):  # `assert_whole` says what is missing
            await eventually_async(all_written, _WITHIN_S)
        self._told.put_nowait(LineEnded(at_ms=now_ms(), reason="caller_hung_up"))
        await self._telling

    async def understood(self) -> list[str]:
        events = [event for r in await self.transcript() for event in r.message.events]
        return [
            e.text.replace(" ", "") if isinstance(e, TranscriptFinalized) else "misheard"
            for e in events
            if isinstance(e, TranscriptFinalized | UtteranceMisheard)
        ]

    async def _written(self) -> str:
        """What each owner wrote down, and when, in seconds after the first."""
        recorded = await self.transcript()
        return "; ".join(
            f"{(r.stored_ms - recorded[0].stored_ms) / 1000:.1f} {r.message.by} "
            + " ".join(getattr(event, "text", "claimed") for event in r.message.events)
            for r in recorded
        )

    async def transcript(self) -> list[Recorded]:
        return [r async for r in self.journal.read(self.tenant, self.call, "transcript")]

    async def owner(self) -> tuple[str, int]:
        """The present host and its epoch; 0 before there is one."""
        return await newest(self.bus, self.tenant, self.call, "transcript")

    async def assert_whole(self) -> None:
        """Every word was understood once, in order, and written by its owner."""
        understood, wrong = await self.understood(), stale(await self.transcript())
        assert understood == self.said, f"said {self.said}, understood {await self._written()}"
        assert wrong == [], f"written by others than the owner: {wrong}"

    def _talk(self) -> Iterator[bytes]:
        """Frame after frame, for ever; what the gateway would tell is told on the way."""
        while True:
            for _ in range(self._any_of.randrange(30, 80)):
                yield SILENT_FRAME
            if self._stopping:
                self.silent.set()
                continue
            words = "".join(self._any_of.choices("0123456789", k=self._any_of.randrange(2, 12)))
            yield from self._utter(words)

    def _utter(self, words: str) -> Iterator[bytes]:
        self.said.append(words)
        utterance, sound = len(self.said), encode(words)
        first = self._frame
        pieces = [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]
        started = SpeechStarted(at_ms=now_ms(), utterance=utterance, first_frame=first)
        for spoken, piece in enumerate(pieces, start=1):
            if spoken == KNOWN_AFTER_FRAMES:
                self._told.put_nowait(started)
                self.speaks.set()
            yield piece
        last, ended_ms = self._frame, now_ms()
        for _ in range(STOP_FRAMES):
            yield SILENT_FRAME
        self._told.put_nowait(
            SpeechEnded(at_ms=now_ms(), utterance=utterance, last_frame=last, ended_ms=ended_ms)
        )

    async def _tell(self) -> None:
        told = 0
        while True:
            event, told = await self._told.get(), told + 1
            message, id = Message(by="outside", events=(event,)), f"{self.call}:line:{told}"
            await self.journal.append(self.tenant, self.call, "line", message, id=id)
            if isinstance(event, LineEnded):
                return


@asynccontextmanager
async def speaking(speakers: list[Speaker]) -> AsyncIterator[None]:
    """All of them talk while the block lasts."""

    async def tick() -> None:
        next_s = time.monotonic()
        while True:
            for speaker in speakers:
                speaker.tick()
            next_s += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
