"""The part of measure_adapters about voices over sockets: a text in, mu-law out.

A vendor sends two seconds of sound at once; but for ENDLESS one piece, and nothing more. The bare
socket asks and listens as the least of clients would. Also there: ElevenLabs by a request a
sentence, to be seen beside its sockets.
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from aiohttp import web
from measuring import Measured, p50_and_p99, resident_kib, scripted
from vendors import cartesia_voice, deepgram_voice, elevenlabs, elevenlabs_socket
from vendors.serving import KEY
from vendors.voice_sockets import Speaking, said_in
from websockets.asyncio.client import ClientConnection, connect

from contracts.dialog import Voice
from services.audio.frames import SAMPLE_RATE_HZ
from services.tts.providers.cartesia import Cartesia
from services.tts.providers.deepgram import DeepgramVoice
from services.tts.providers.elevenlabs import ElevenLabs
from services.tts.providers.elevenlabs_http import ElevenLabsHttp

SENTENCES, STREAMS = 200, 400
TEXT, ENDLESS = "We are open from nine to five.", "On and on and on."
PIECES = [b"\x55" * 1_600] * 10  # two seconds


async def _speak(speaking: Speaking) -> None:
    for piece, said in said_in(PIECES, speaking.text):
        await speaking.audio(piece, said)
        if speaking.text == ENDLESS:
            await asyncio.Event().wait()


async def _read(reading: elevenlabs.Reading) -> None:
    for piece in PIECES:
        await reading.audio(piece)
        if reading.body["text"] == ENDLESS:
            await asyncio.Event().wait()


class _OverHttp(elevenlabs.ElevenLabsServer):
    def routes(self) -> list[web.RouteDef]:
        self.script = _read
        return [web.post("/v1/text-to-speech/{voice}/stream", self.answer)]


VENDORS = {
    "elevenlabs voice": scripted(elevenlabs_socket.ElevenLabsSocketServer, _speak),
    "elevenlabs_http voice": _OverHttp,
    "deepgram voice": scripted(deepgram_voice.DeepgramVoiceServer, _speak),
    "cartesia voice": scripted(cartesia_voice.CartesiaVoiceServer, _speak),
}


class Bare:
    """Cartesia's voice without its SDK, and without any care."""

    def __init__(self, key: str, url: str) -> None:
        self._url = f"ws{url[4:]}/tts/websocket"
        self._headers = {"Authorization": f"Bearer {key}", "cartesia-version": "2026-08-14"}
        self._kept: ClientConnection | None = None

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        if text == ENDLESS or self._kept is None:
            self._kept = await connect(
                self._url, additional_headers=self._headers, compression=None
            )
        request = REQUEST | {"context_id": str(time.monotonic_ns()), "transcript": text}
        await self._kept.send(json.dumps(request))
        async for message in self._kept:
            came = json.loads(message)
            if came["type"] == "chunk":
                yield base64.b64decode(came["data"])
            elif came["type"] == "done":
                return

    async def close(self) -> None:
        if self._kept:
            await self._kept.close()


REQUEST = {
    "model_id": "sonic-3",
    "voice": cartesia_voice.VOICE,
    "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000},
    "max_buffer_delay_ms": 0,
}


class Adapter(NamedTuple):
    """An adapter, and the voice that its vendor has."""

    make: Callable[[str, str], Any]  # of key and address
    vendor: str
    voice: str


ADAPTERS = {
    "bare socket": Adapter(Bare, "cartesia voice", cartesia_voice.VOICE),
    "elevenlabs": Adapter(ElevenLabs, "elevenlabs voice", elevenlabs.VOICE),
    "elevenlabs_http": Adapter(ElevenLabsHttp, "elevenlabs_http voice", elevenlabs.VOICE),
    "deepgram": Adapter(DeepgramVoice, "deepgram voice", deepgram_voice.VOICE),
    "cartesia": Adapter(Cartesia, "cartesia voice", cartesia_voice.VOICE),
}


async def measure(name: str, addresses: Mapping[str, str]) -> Measured:
    """The figures of one adapter."""
    adapter = ADAPTERS[name]
    made, voice = (
        adapter.make(KEY, f"http://{addresses[adapter.vendor]}"),
        Voice(name=adapter.voice),
    )
    await _spoken(made, voice)  # imports what is imported late, and connects
    memory_kib = await _memory_kib(made, voice)
    cpu_s = time.process_time()
    spoken = [await _spoken(made, voice) for _ in range(SENTENCES)]
    cpu_s = time.process_time() - cpu_s
    await made.close()
    p50_ms, p99_ms = p50_and_p99([first_s for first_s, _ in spoken])
    return Measured(
        adapter=f"voice {name}",
        first_p50_ms=p50_ms,
        first_p99_ms=p99_ms,
        cpu_ms_per_audio_s=cpu_s * 1_000 / sum(length_s for _, length_s in spoken),
        memory_kib_per_stream=memory_kib,
    )


async def _spoken(made: Any, voice: Voice) -> tuple[float, float]:
    """Seconds to the first sound of a sentence, and how long it is."""
    began_s, first_s, sound_bytes = time.perf_counter(), 0.0, 0
    async with aclosing(made.speak(TEXT, voice)) as pieces:
        async for piece in pieces:
            first_s = first_s or time.perf_counter() - began_s
            sound_bytes += len(piece) if isinstance(piece, bytes) else 0
    return first_s, sound_bytes / SAMPLE_RATE_HZ


async def _memory_kib(made: Any, voice: Voice) -> float:
    """Of each of many sentences under way at once."""
    before_kib = resident_kib()
    under_way = [made.speak(ENDLESS, voice) for _ in range(STREAMS)]
    for sentence in under_way:
        await anext(sentence)
    kib = (resident_kib() - before_kib) / STREAMS
    for sentence in under_way:
        await sentence.aclose()
    return kib
