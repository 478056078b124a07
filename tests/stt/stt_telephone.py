"""A caller's leg as the gateway would put it on the bus."""

import asyncio
import time
from collections.abc import Callable, Iterable

from eventually import eventually_async

from contracts.agent import Agent
from contracts.claim import Claim
from contracts.ids import HostId, TenantId, new_call_id, new_host_id
from contracts.line import LineEnded, LineLost, LineResumed, SpeechEnded, SpeechStarted
from contracts.recorded import CallEvent, LineEvent, Message, TranscriptEvent
from contracts.streams import audio_subject
from infra.agents import Agents
from infra.claims import offer
from infra.journal import NatsJournal
from infra.nats import Bus
from services.audio.frames import FRAME_BYTES, SILENT_FRAME, join_caller, pack_caller, split


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as `holds()`."""

    async def condition() -> bool:
        return holds()

    await eventually_async(condition)


class Telephone:
    """One call: its frames, its events and what came of it."""

    def __init__(self, bus: Bus, claim: Claim) -> None:
        self.bus, self.claim = bus, claim
        self.journal = NatsJournal(bus)
        self.frame = 0
        self.utterance = 0
        self.stint = 1
        self.host: HostId = new_host_id("gateway")
        self._sound = bus.sound(audio_subject(claim.tenant, claim.call, "caller"), join_caller)

    @classmethod
    async def ring(cls, bus: Bus, agent: Agent, tenant: str) -> "Telephone":
        """A call that wants a recogniser."""
        ref = await Agents(bus).publish(TenantId(tenant), agent)
        claim = Claim(
            tenant=TenantId(tenant), call=new_call_id(), role="stt", agent=ref, rang_ms=now_ms()
        )
        await offer(bus, claim)
        return cls(bus, claim)

    def send(self, frames: Iterable[bytes], at_ms: int = 0) -> None:
        """Frames on the audio plane. `at_ms`: when they were said; 0: now."""
        said = b"".join(frames)
        for sound in split(said, 2 * FRAME_BYTES):  # as the gateway sends them
            self._sound.publish(pack_caller(self.frame + 1, at_ms or now_ms(), sound))
            self.frame += len(sound) // FRAME_BYTES

    async def tell(self, *events: LineEvent) -> None:
        """What happens on the line, as one message."""
        message = Message(by=self.host, events=events)
        id = f"{self.claim.call}:line:{self.stint}:{type(events[0]).__name__}:{self.utterance}"
        await self.journal.append(self.claim.tenant, self.claim.call, "line", message, id=id)

    async def start_speech(self) -> None:
        self.utterance += 1
        first = max(1, self.frame + 1)
        await self.tell(SpeechStarted(at_ms=now_ms(), utterance=self.utterance, first_frame=first))

    async def end_speech(self, clock_ahead_ms: int = 0, last_frame: int = 0) -> int:
        """The time at which it ended, by the gateway's clock."""
        at_ms, last = now_ms() + clock_ahead_ms, last_frame or self.frame
        await self.tell(
            SpeechEnded(
                at_ms=at_ms,
                utterance=self.utterance,
                last_frame=last,
                ended_ms=at_ms,
            )
        )
        return at_ms

    async def say(self, frames: Iterable[bytes] = (SILENT_FRAME,) * 10) -> int:
        """An utterance, quicker than real; the time at which it ended."""
        await self.start_speech()
        self.send(frames)
        return await self.end_speech()

    async def lose_line(self) -> None:
        """The gateway dies, and the caller comes back at another."""
        self.stint += 1
        lost = LineLost(at_ms=now_ms(), reason="reset")
        await self.tell(lost, LineResumed(at_ms=now_ms(), stream="MZ2", stint=self.stint))
        self.frame = self.stint << 24

    async def hang_up(self) -> None:
        await self.tell(LineEnded(at_ms=now_ms(), reason="caller_hung_up"))

    async def transcript(self) -> list[CallEvent]:
        """What is stored of the recogniser's."""
        place = self.claim.tenant, self.claim.call
        return [
            event
            async for recorded in self.journal.read(*place, "transcript")
            for event in recorded.message.events
        ]

    async def wait_for(
        self, kind: type[TranscriptEvent], count: int = 1, within_s: float = 10.0
    ) -> list[TranscriptEvent]:
        """The stored events of a kind, as soon as there are so many."""
        found: list[TranscriptEvent] = []
        async with asyncio.timeout(within_s):
            while len(found) < count:
                await asyncio.sleep(0.01)
                found = [event for event in await self.transcript() if isinstance(event, kind)]
        return found
