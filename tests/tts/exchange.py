"""A call as the synthesiser meets it: a dialog that writes sentences, a gateway that hears."""

import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from eventually import eventually_async

from contracts.dialog import ReplyInterrupted, SentenceWritten, Voice
from contracts.ids import HostId, TenantId, new_call_id
from contracts.recorded import DialogEvent, Message, SynthesisEvent
from contracts.streams import audio_subject, call_subject
from infra.journal import NatsJournal
from infra.nats import Bus
from services.audio.frames import AgentChunk, unpack_agent
from services.tts.app import DEFAULTS, Settings, serve
from services.tts.counts import Counts
from services.tts.provider import TextToSpeech

TENANT = TenantId("town")
HOST = HostId("tts-test")


class Exchange:
    """One call on a server of its own."""

    def __init__(self, bus: Bus, url: str) -> None:
        self.bus, self.url = bus, url
        self.journal = NatsJournal(bus)
        self.call = new_call_id()
        self.chunks: list[AgentChunk] = []

    async def listen(self) -> None:
        """Hear the agent's audio, as the gateway does."""
        subject = audio_subject(TENANT, self.call, "agent")
        await self.bus.sub(subject, lambda payload: self.chunks.append(unpack_agent(payload)))
        await self.bus.nc.flush()

    def worker(
        self, providers: Mapping[str, TextToSpeech], settings: Settings = DEFAULTS
    ) -> AbstractAsyncContextManager[Counts]:
        return serve(self.bus, self.url, providers, self.journal, host=HOST, settings=settings)

    async def write(self, *events: DialogEvent, epoch: int = 1) -> int:
        """A decision of the dialog; its sequence."""
        message = Message(by="dialog-test", events=events, epoch=epoch)
        cause = f"{self.call}:{time.perf_counter_ns()}"
        return (await self.journal.append(TENANT, self.call, "dialog", message, id=cause)).sequence

    async def write_bytes(self, payload: bytes) -> None:
        await self.bus.js.publish(call_subject(TENANT, self.call, "dialog"), payload)

    async def interrupt(self, reply: int) -> None:
        await self.write(ReplyInterrupted(at_ms=now_ms(), reply=reply, heard=""))

    async def outcomes(self, count: int) -> list[SynthesisEvent]:
        """What the log says of the sentences, once `count` outcomes are in it."""
        found: list[SynthesisEvent] = []

        async def there() -> bool:
            found[:] = [
                event
                async for recorded in self.journal.read(TENANT, self.call, "synthesis")
                for _, event in recorded.events()
                if isinstance(event, SynthesisEvent)
            ]
            return len(found) >= count

        await eventually_async(there)
        return found

    async def heard(self, count: int) -> list[AgentChunk]:
        """The chunks, once `count` have come."""

        async def there() -> bool:
            return len(self.chunks) >= count

        await eventually_async(there)
        return self.chunks

    async def settled(self) -> None:
        """Return when every delivered message is acknowledged."""

        async def none_left() -> bool:
            info = await self.bus.js.consumer_info("CALLS", "tts")
            return info.num_pending == 0 and info.num_ack_pending == 0

        await eventually_async(none_left)


def sentence(
    text: str = "Good morning.",
    *,
    reply: int = 1,
    number: int = 1,
    provider: str = "tone",
    fixed: bool = False,
    at_ms: int | None = None,
) -> SentenceWritten:
    return SentenceWritten(
        at_ms=now_ms() if at_ms is None else at_ms,
        reply=reply,
        sentence=number,
        text=text,
        voice=Voice(provider=provider),
        fixed=fixed,
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000
