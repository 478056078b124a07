"""The ears' part of measure_adapters: frames in, drafts out.

A vendor answers every fourth message of audio with a draft, about as often as real ones do.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

from ears import listened_to
from measuring import Measured, p50_and_p99, resident_kib, scripted
from vendors import sockets
from vendors.cartesia import InkLine, InkServer
from vendors.deepgram import DeepgramServer, Line
from vendors.deepgram_flux import FluxLine, FluxServer
from vendors.elevenlabs_scribe import ScribeLine, ScribeServer
from vendors.sarvam import SaarasLine, SaarasServer
from vendors.serving import KEY
from websockets.asyncio.client import ClientConnection, connect

from contracts.agent import Agent
from services.stt.provider import Heard, SpeechToText
from services.stt.providers import (
    cartesia,
    deepgram,
    deepgram_flux,
    elevenlabs,
    elevenlabs_wire,
    sarvam,
    sarvam_wire,
)

FRAME = b"\x7e" * 160
AGENT = Agent(name="measured")
MESSAGES_AN_ANSWER = 4
ROUNDS = 300  # of the first result
STREAMS, AUDIO_S = 20, 5  # fed in real time
RESIDENT_STREAMS = 100


async def answered(line: sockets.Line, frames: int, answer: Callable[[str], Any]) -> None:
    """Answer every fourth message of so many frames with another draft."""
    for nth in range(1, 1 << 20):
        await line.heard(nth * MESSAGES_AN_ANSWER * frames * len(FRAME))
        await answer(f"word {nth}")


async def nova(line: Line) -> None:
    await answered(line, deepgram.FRAMES_A_MESSAGE, line.results)


async def flux(line: FluxLine) -> None:
    await line.start("")
    await answered(line, deepgram_flux.FRAMES_A_MESSAGE, line.update)


async def ink(line: InkLine) -> None:
    await line.start()

    async def answer(text: str) -> None:
        await line.say({"type": "turn.update", "request_id": "r", "transcript": text})

    await answered(line, cartesia.FRAMES_A_MESSAGE, answer)


async def scribe(line: ScribeLine) -> None:
    await answered(line, elevenlabs_wire.FRAMES_A_MESSAGE, line.partial)


async def saaras(line: SaarasLine) -> None:
    """It gives no drafts: each answer is a stretch of speech, and so a likely end."""
    for nth in range(1, 1 << 20):
        await _messages(line, nth * MESSAGES_AN_ANSWER)
        await line.words(f"word {nth}")


async def _messages(line: sockets.Line, count: int) -> None:
    await line.until(lambda: len(line.messages_bytes) >= count)


VENDORS = {
    "deepgram": scripted(DeepgramServer, nova),
    "deepgram-flux": scripted(FluxServer, flux),
    "cartesia": scripted(InkServer, ink),
    "elevenlabs": scripted(ScribeServer, scribe),
    "sarvam": scripted(SaarasServer, saaras),
}


class Bare:
    """The least an ear can be: what the others add is to be seen beside it."""

    def __init__(self, address: str) -> None:
        self._url = f"ws://{address}{FluxServer.path}?model=flux-general-en"
        self._url += "&encoding=mulaw&sample_rate=8000"

    async def open(self, agent: Agent, language: str) -> "BareEar":
        headers = {"Authorization": f"Token {KEY}"}
        return BareEar(
            await connect(self._url, additional_headers=headers, compression=None),
            deepgram_flux.FRAMES_A_MESSAGE,
        )

    async def close(self) -> None:
        pass


class BareEar:
    def __init__(self, socket: ClientConnection, frames_a_message: int) -> None:
        self._socket, self._most = socket, frames_a_message
        self._frames: list[bytes] = []
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._sending = asyncio.create_task(self._send())

    def feed(self, frame: bytes) -> None:
        self._frames.append(frame)
        if len(self._frames) == self._most:
            self._messages.put_nowait(b"".join(self._frames))
            self._frames.clear()

    async def _send(self) -> None:
        while True:
            await self._socket.send(await self._messages.get())

    async def heard(self) -> AsyncIterator[Heard]:
        async for message in self._socket:
            if '"word ' in str(message):  # not the start of the turn
                yield Heard(text=str(message))

    async def close(self) -> None:
        self._sending.cancel()
        await self._socket.close()


class Adapter(NamedTuple):
    """An adapter, whose vendor it talks to, and how many frames it sends together."""

    make: Callable[[str], Any]  # of host:port
    vendor: str
    frames_a_message: int


ADAPTERS = {
    "bare socket": Adapter(Bare, "deepgram-flux", deepgram_flux.FRAMES_A_MESSAGE),
    "deepgram": Adapter(
        lambda address: deepgram.Deepgram(KEY, f"http://{address}"),
        "deepgram",
        deepgram.FRAMES_A_MESSAGE,
    ),
    "deepgram-flux": Adapter(
        lambda address: deepgram_flux.DeepgramFlux(KEY, f"http://{address}"),
        "deepgram-flux",
        deepgram_flux.FRAMES_A_MESSAGE,
    ),
    "cartesia": Adapter(
        lambda address: cartesia.Cartesia(KEY, f"http://{address}"),
        "cartesia",
        cartesia.FRAMES_A_MESSAGE,
    ),
    "elevenlabs": Adapter(
        lambda address: elevenlabs.Scribe(KEY, f"http://{address}"),
        "elevenlabs",
        elevenlabs_wire.FRAMES_A_MESSAGE,
    ),
    "sarvam": Adapter(
        lambda address: sarvam.Sarvam(KEY, f"http://{address}"),
        "sarvam",
        sarvam_wire.FRAMES_A_MESSAGE,
    ),
}


async def measure(name: str, addresses: Mapping[str, str]) -> Measured:
    """The figures of one adapter."""
    adapter = ADAPTERS[name]
    ears = adapter.make(addresses[adapter.vendor])
    p50_ms, p99_ms = p50_and_p99(await first_results_s(ears, adapter.frames_a_message))
    measured = Measured(
        adapter=f"ear {name}",
        first_p50_ms=p50_ms,
        first_p99_ms=p99_ms,
        memory_kib_per_stream=await memory_kib_per_stream(ears),  # before streams were closed
        cpu_ms_per_audio_s=await cpu_ms_per_audio_s(ears),
    )
    await ears.close()
    return measured


async def first_results_s(ears: SpeechToText, frames_a_message: int) -> list[float]:
    """From the frame that completes a message to the draft that answers it."""
    ear = await ears.open(AGENT, "en-US")
    heard = ear.heard()
    waits_s = []
    for _ in range(ROUNDS):
        for _ in range(frames_a_message * MESSAGES_AN_ANSWER - 1):
            ear.feed(FRAME)
        await asyncio.sleep(0.002)  # the messages before the last are on their way
        began_s = time.perf_counter()
        ear.feed(FRAME)
        await anext(heard)
        waits_s.append(time.perf_counter() - began_s)
    await ear.close()
    return waits_s


async def cpu_ms_per_audio_s(ears: SpeechToText) -> float:
    """Of many streams fed in real time."""
    async with listened_to(ears, AGENT, STREAMS) as opened:
        began_s, cpu_s = time.perf_counter(), time.process_time()
        for tick in range(AUDIO_S * 50):
            await asyncio.sleep(max(0.0, began_s + tick * 0.02 - time.perf_counter()))
            for ear in opened:
                ear.feed(FRAME)
        return (time.process_time() - cpu_s) * 1_000 / (STREAMS * AUDIO_S)


async def memory_kib_per_stream(ears: SpeechToText) -> float:
    """Of many streams with a second of audio each."""
    before_kib = resident_kib()
    async with listened_to(ears, AGENT, RESIDENT_STREAMS) as opened:
        for _ in range(50):
            await asyncio.sleep(0.02)
            for ear in opened:
                ear.feed(FRAME)
        return (resident_kib() - before_kib) / RESIDENT_STREAMS
