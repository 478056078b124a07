"""What eager turns save and cost: python tests/providers/measure_eager.py [--json FILE].

The roles stt, dialog, rag and tts on a nats-server of their own, with vendors at the latencies that
they publish: a recogniser that ends the turn 260 ms after the last word and is eager 150 to 250 ms
before that (Deepgram Flux), a model whose first token takes 100 ms (Groq, through its SDK and a
socket), a voice whose first sound takes 75 ms (ElevenLabs Flash). Times: last word to first sound.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from vendors.groq import Answer, GroqServer, groq_server

from contracts import dialog, line
from contracts.agent import Agent, Provider, Turns
from contracts.claim import Claim, Role
from contracts.codec import encode
from contracts.dialog import Voice
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, DocumentId, TenantId, new_call_id, new_host_id
from contracts.knowledge import DocumentAdded
from contracts.recorded import LineEvent, Message
from contracts.streams import audio_subject, knowledge_subject
from infra.agents import Agents
from infra.claims import offer
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.live import Following, follow
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from services.audio.frames import SILENT_FRAME, pack_caller, unpack_agent
from services.dialog import app as dialog_role
from services.dialog.providers.groq import Groq
from services.rag import app as rag_role
from services.rag.embed import Bm25
from services.rag.stores.qdrant import open_folder
from services.stt import app as stt_role
from services.stt.provider import Capabilities, Heard
from services.tts import app as tts_role
from services.tts.provider import Capabilities as VoiceCapabilities

TENANT = TenantId("measure")
END_MS, EAGER_MS = 260, (150, 250)  # after the last word; before the end
FIRST_TOKEN_MS, TOKEN_MS, VOICE_MS = 100, 10, 75
SILENCE = Turns(stop_ms=200, silence_ms=500, eager_ms=300)
ANSWER = "We are open from nine to five on weekdays. Is there anything else?".split()
WORDS = "when are you open on weekdays"
HOURS = "# Opening hours\n\nWe are open on weekdays from nine to five."


class Ears:
    """Says what the caller of the measurement says, when it says so."""

    name = "measured"

    def __init__(self, *, knows_ends: bool) -> None:
        self.capabilities = Capabilities(
            interim=True, end_of_turn=knows_ends, continuous=knows_ends, eager=knows_ends
        )
        self.opened: asyncio.Queue[Ears.Ear] = asyncio.Queue()
        self.opening = asyncio.Lock()  # an ear does not know whose it is

    class Ear:
        def __init__(self) -> None:
            self.words: asyncio.Queue[Heard | None] = asyncio.Queue()

        def feed(self, frame: bytes) -> None: ...

        def finish(self) -> None:
            self.words.put_nowait(Heard(text=WORDS, final=True))

        async def heard(self) -> AsyncIterator[Heard]:
            while (heard := await self.words.get()) is not None:
                yield heard

        async def close(self) -> None:
            self.words.put_nowait(None)

    async def open(self, agent: Agent, language: str) -> "Ears.Ear":
        self.opened.put_nowait(ear := Ears.Ear())
        return ear

    async def close(self) -> None: ...


class Mouth:
    """A voice at its vendor's latency."""

    name = "measured"
    capabilities = VoiceCapabilities(streaming=True)

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        await asyncio.sleep(VOICE_MS / 1000)
        yield bytes(800)

    async def close(self) -> None: ...


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    knowledge: bool  # passages are looked up first
    by_silence: bool  # else the recogniser knows ends
    eager: bool
    false_starts: float  # a turn, on average: eager drafts that are taken back


class Figures(msgspec.Struct, kw_only=True):
    """What came of it."""

    name: str
    eager: bool
    wait_ms: list[float] = []
    asked: int = 0  # of the model
    turns: int = 0
    tokens_used: int = 0
    tokens_wasted: int = 0

    def at(self, share: float) -> float:
        ordered = sorted(self.wait_ms)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)


class Caller:
    """One call, its gateway included."""

    def __init__(self, bus: Bus, setup: Setup, call: CallId, seed: int) -> None:
        self.bus, self.setup, self.call = bus, setup, call
        self.journal = NatsJournal(bus)
        self.random = random.Random(seed)
        self.sounds: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        self._told = self._utterance = self._frame = 0

    async def tell(self, *events: LineEvent) -> None:
        self._told += 1
        id = f"{self.call}:line:{self._told}"
        await self.journal.append(TENANT, self.call, "line", Message(by="m", events=events), id=id)

    def on_sound(self, payload: bytes) -> None:
        self.sounds.put_nowait((unpack_agent(payload).reply, time.perf_counter()))

    async def turn(self, ear: Ears.Ear, following: AsyncIterator[dialog.ReplyFinished]) -> float:
        """One turn; the wait from its last word to the first sound, in ms."""
        self._utterance += 1
        number = self._utterance
        first = self._frame + 1
        await self.tell(line.SpeechStarted(at_ms=now_ms(), utterance=number, first_frame=first))
        self._sound(10)
        if self.random.random() < self.setup.false_starts:
            await self._pause(ear)
        ended_s, ended_ms = time.perf_counter(), now_ms()
        ended = line.SpeechEnded(
            at_ms=ended_ms, utterance=number, last_frame=self._frame, ended_ms=ended_ms
        )
        if self.setup.by_silence:
            ear.words.put_nowait(Heard(text=WORDS))
            await asyncio.sleep(SILENCE.stop_ms / 1000)
            await self.tell(ended)
        else:
            await self._flux(ear)
        reply = await anext(following)
        wait_ms = await self._first_sound(reply.reply, ended_s)
        if not self.setup.by_silence:
            await self.tell(ended)
        await self.tell(line.PlaybackFinished(at_ms=now_ms(), reply=reply.reply))
        return wait_ms

    def _sound(self, frames: int) -> None:
        """Nobody listens to it, but the recogniser's host wants a turn's frames to be all here."""
        subject = audio_subject(TENANT, self.call, "caller")
        for _ in range(frames):
            self._frame += 1
            self.bus.pub(subject, pack_caller(self._frame, now_ms(), SILENT_FRAME))

    async def _pause(self, ear: Ears.Ear) -> None:
        """The caller thinks: long enough for an eager draft, not for the turn's end."""
        if self.setup.eager and not self.setup.by_silence:
            ear.words.put_nowait(Heard(text="when are you", eager=True))
        await asyncio.sleep(0.2)
        ear.words.put_nowait(Heard(text="when are you open"))
        await asyncio.sleep(0.2)

    async def _flux(self, ear: Ears.Ear) -> None:
        lead_ms = self.random.uniform(*EAGER_MS)
        await asyncio.sleep((END_MS - lead_ms) / 1000)
        ear.words.put_nowait(Heard(text=WORDS, eager=self.setup.eager))
        await asyncio.sleep(lead_ms / 1000)
        ear.words.put_nowait(Heard(text=WORDS, final=True))

    async def _first_sound(self, reply: int, since_s: float) -> float:
        while True:
            sounding, at_s = await self.sounds.get()
            if sounding == reply:
                return (at_s - since_s) * 1000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def answer(groq: Answer) -> None:
    await asyncio.sleep(FIRST_TOKEN_MS / 1000)
    for word in ANSWER:
        await groq.text(f"{word} ")
        await asyncio.sleep(TOKEN_MS / 1000)
    read = sum(len(message["content"]) for message in groq.body["messages"]) // 4
    await groq.finish(tokens_in=read, out=len(ANSWER))


@asynccontextmanager
async def house(folder: Path, setup: Setup) -> AsyncIterator[tuple[Bus, Ears, GroqServer]]:
    """All roles at work."""
    async with AsyncExitStack() as stack:
        server = NatsServer(make_folders(folder), "secret")
        await server.start()
        stack.push_async_callback(server.stop)
        bus = await connect(server.url, name="measure")
        stack.push_async_callback(bus.close)
        await create_streams(bus)
        vendor = await stack.enter_async_context(groq_server())
        vendor.script = answer
        journal, agents = NatsJournal(bus), Agents(bus)
        ears, model = Ears(knows_ends=not setup.by_silence), Groq(vendor.key, vendor.url)
        stack.push_async_callback(model.close)
        store = await open_folder(folder / "index", Bm25())
        stack.push_async_callback(store.close)
        mouth = Mouth()
        for role in (
            stt_role.serve(bus, journal, agents, {ears.name: ears}, host=new_host_id("stt")),
            dialog_role.serve(bus, journal, agents, {"groq": model}, host=new_host_id("dialog")),
            rag_role.serve(bus, server.url, store, journal, host=new_host_id("rag")),
            tts_role.serve(bus, server.url, {mouth.name: mouth}, journal, host=new_host_id("tts")),
        ):
            await stack.enter_async_context(role)
        yield bus, ears, vendor


async def publish(bus: Bus, setup: Setup) -> AgentRef:
    agent = Agent(
        name="measured",
        knowledge="folder" if setup.knowledge else "",
        voice=Voice(provider="measured"),
        stt=Provider(provider="measured"),
        llm=Provider(provider="groq"),
        turns=SILENCE if setup.eager else msgspec.structs.replace(SILENCE, eager_ms=0),
    )
    ref = await Agents(bus).publish(TENANT, agent)
    document = DocumentAdded(
        at_ms=now_ms(),
        document=DocumentId("hours"),
        title="Hours",
        media_type="text/markdown",
        text=HOURS,
        sha256="0" * 64,
    )
    subject = knowledge_subject(TENANT, AgentId("measured"), document.document)
    await bus.js.publish(subject, encode(document))
    return ref


async def finished(following: Following) -> AsyncIterator[dialog.ReplyFinished]:
    async for recorded in following:
        for event in recorded.message.events:
            if isinstance(event, dialog.ReplyFinished):
                yield event


async def talk(
    bus: Bus, ears: Ears, setup: Setup, ref: AgentRef, turns: int, seed: int
) -> tuple[CallId, list[float]]:
    """One call with so many turns."""
    call = new_call_id()
    roles: tuple[Role, ...] = ("dialog", "stt")
    async with ears.opening:
        for role in roles:
            claim = Claim(tenant=TENANT, call=call, role=role, agent=ref, rang_ms=now_ms())
            await offer(bus, claim)
        ear = await ears.opened.get()
    caller = Caller(bus, setup, call, seed)
    sounds = await bus.sub(audio_subject(TENANT, call, "agent"), caller.on_sound)
    following = await follow(bus, caller.journal, TENANT, call, families=("dialog",))
    replies = finished(following)
    rang = line.LineRang(at_ms=now_ms(), carrier="loopback", carrier_call="CA", agent=ref)
    await caller.tell(rang)
    await caller.tell(line.LineAnswered(at_ms=now_ms(), stream="MZ"))
    greeting = await anext(replies)
    await caller.tell(line.PlaybackFinished(at_ms=now_ms(), reply=greeting.reply))
    waits = [await caller.turn(ear, replies) for _ in range(turns)]
    await caller.tell(line.LineEnded(at_ms=now_ms(), reason="caller_hung_up"))
    await following.close()
    await sounds.unsubscribe()
    return call, waits


async def measure(setup: Setup, calls: int, turns: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder) / "data", setup) as (bus, ears, vendor):
            ref = await publish(bus, setup)
            await talk(bus, ears, setup, ref, 2, seed=0)  # warm
            asked_before = vendor.requests
            figures = Figures(name=setup.name, eager=setup.eager, turns=calls * turns)
            talking = (talk(bus, ears, setup, ref, turns, seed) for seed in range(1, calls + 1))
            for call, waits in await asyncio.gather(*talking):
                figures.wait_ms += waits
                await _count(bus, call, figures)
            figures.asked = vendor.requests - asked_before
            return figures


async def _count(bus: Bus, call: CallId, figures: Figures) -> None:
    async for recorded in NatsJournal(bus).read(TENANT, call, "dialog"):
        for event in recorded.message.events:
            match event:
                case dialog.ReplyFinished():
                    figures.tokens_used += event.tokens_in + event.tokens_out
                case dialog.DraftDiscarded():
                    figures.tokens_wasted += event.tokens_in + event.tokens_out


def setups(false_starts: float) -> list[Setup]:
    return [
        Setup(
            name=f"{'a question' if knowledge else 'no knowledge'}, {how}",
            knowledge=knowledge,
            by_silence=how == "by silence",
            eager=eager,
            false_starts=0.0 if how == "by silence" else false_starts,
        )
        for knowledge in (False, True)
        for how in ("by Flux", "by silence")
        for eager in (False, True)
    ]


def show(measured: list[Figures]) -> None:
    table = Table(title="last word to first sound, ms")
    for column in ("turns", "p50", "p99", "eager p50", "eager p99", "saved p50", "saved p99"):
        table.add_column(column, justify="left" if column == "turns" else "right")
    table.add_column("model asked a turn", justify="right")
    table.add_column("tokens wasted", justify="right")
    for plain, eager in zip(measured[::2], measured[1::2], strict=True):
        everything = eager.tokens_used + eager.tokens_wasted
        table.add_row(
            plain.name,
            *(f"{figures.at(share):.0f}" for figures in (plain, eager) for share in (0.5, 0.99)),
            *(f"{plain.at(share) - eager.at(share):.0f}" for share in (0.5, 0.99)),
            f"{eager.asked / eager.turns:.2f}",
            f"{eager.tokens_wasted} of {everything} ({eager.tokens_wasted / everything:.0%})",
        )
    Console(width=150).print(table)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4, help="at a time")
    parser.add_argument("--turns", type=int, default=25, help="of each call")
    parser.add_argument("--false-starts", type=float, default=0.5, help="a turn, on average")
    parser.add_argument("--json", type=Path, help="where the figures are written, too")
    given = parser.parse_args()
    measured = []
    for setup in setups(given.false_starts):
        measured.append(await measure(setup, given.calls, given.turns))
        print(f"{setup.name}: p50 {measured[-1].at(0.5):.0f} ms", file=sys.stderr)
    show(measured)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(measured)))


if __name__ == "__main__":
    uvloop.run(main())
