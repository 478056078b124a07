"""A call as the synthesiser meets it: a dialog that writes sentences, a gateway that hears."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import msgspec
from acknowledged import all_acknowledged
from eventually import eventually_async

from contracts.dialog import ReplyInterrupted, SentenceWritten, Voice
from contracts.ids import HostId, TenantId, new_call_id
from contracts.recorded import DialogEvent, Message, SynthesisEvent
from contracts.streams import audio_subject, call_subject
from infra.direct_get import direct_get
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.nats_server import NatsServer
from services.audio.frames import AgentChunk, unpack_agent
from services.gateway.playback import Play, Playback
from services.tts.app import DEFAULTS, Settings, serve
from services.tts.counts import Counts
from services.tts.provider import TextToSpeech

TENANT = TenantId("town")
HOST = HostId("tts-test")
ROOT = Path(__file__).parents[2]
Process = asyncio.subprocess.Process


class Exchange:
    """One call on a server of its own."""

    def __init__(self, bus: Bus, server: NatsServer) -> None:
        self.bus, self.server, self.url = bus, server, server.url
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

    @asynccontextmanager
    async def worker_process(self, **setup: object) -> AsyncIterator[Process]:
        """A worker in a process of its own, at work; killed at the end if it still runs.

        `setup`: see tts_in_a_process.Setup.
        """
        program = Path(__file__).with_name("tts_in_a_process.py")
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, str(program), self.url, msgspec.json.encode(setup).decode()),
            stdout=PIPE,
            env={"PYTHONPATH": f"{ROOT}:{program.parent}"},
        )
        try:
            assert worker.stdout is not None
            assert await worker.stdout.readline() == b"ready\n"
            yield worker
        finally:
            if worker.returncode is None:
                worker.kill()
            await worker.wait()

    def played(self) -> bytes:
        """What the caller gets to hear of all that came, in the order in which it came."""
        playback = Playback()
        steps = [step for chunk in self.chunks for step in playback.take(chunk, now_ms())]
        return b"".join(step.mulaw for step in steps if isinstance(step, Play))

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

        await eventually_async(there, 30)
        return found

    async def settled_calls(self, count: int) -> set[str]:
        """Calls that have an outcome, once there are so many; none has two."""
        found: set[str] = set()

        async def there() -> bool:
            stored = direct_get(
                self.bus, "CALLS", "call.*.*.synthesis", start=1, most=1_000, wait_s=3
            )
            calls = [(await self.journal.recorded(message)).call async for message in stored]
            assert len(set(calls)) == len(calls), "two outcomes for one sentence"
            found.update(calls)
            return len(found) >= count

        await eventually_async(there, 30)
        return found

    async def heard(self, count: int) -> list[AgentChunk]:
        """The chunks, once `count` have come."""

        async def there() -> bool:
            return len(self.chunks) >= count

        await eventually_async(there)
        return self.chunks

    async def ends(self, count: int) -> None:
        """Return when the end of a sentence has come so many times, from whomever."""

        async def there() -> bool:
            return sum(chunk.last for chunk in self.chunks) >= count

        await eventually_async(there, 30)

    async def settled(self) -> None:
        """Return when every delivered message is acknowledged."""
        await all_acknowledged(self.bus.js, "tts")


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
