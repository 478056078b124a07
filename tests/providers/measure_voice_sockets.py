"""What the voices over sockets cost: python -m providers.measure_voice_sockets, in tests/.

Each vendor is on loopback, in a process of its own, and sends two seconds of sound at once. The
peer is a bare WebSocket that asks and listens as the least of clients would. Also there:
ElevenLabs by a request a sentence, to be seen beside its sockets.

cold_ms    from asking to the first sound of a voice that nobody has used: with the handshake
first_ms   the same for one sentence after another: median and 99th percentile
cpu_ms     CPU time of this process for each second of sound
stream_kib resident memory for each sentence under way
leave_ms   until whoever interrupts a sentence may go on, 99th percentile
"""

import argparse
import asyncio
import base64
import gc
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from vendors import cartesia_voice, deepgram_voice, elevenlabs, elevenlabs_socket
from vendors.serving import KEY, serving
from vendors.strict import Vendor
from vendors.voice_sockets import Speaking, VoiceVendor, said_in
from websockets.asyncio.client import ClientConnection, connect

from contracts.dialog import Voice
from services.tts.providers.cartesia import Cartesia
from services.tts.providers.deepgram import DeepgramVoice
from services.tts.providers.elevenlabs import ElevenLabs
from services.tts.providers.elevenlabs_http import ElevenLabsHttp

SENTENCES, STREAMS, COLD = 200, 400, 10
TEXT, ENDLESS = "We are open from nine to five.", "On and on and on."
PIECES = [b"\x55" * 1_600] * 10  # two seconds


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
ADAPTERS: dict[str, tuple[Callable[[str, str], Any], str, str]] = {  # with vendor and voice
    "bare": (Bare, "cartesia", cartesia_voice.VOICE),
    "elevenlabs": (ElevenLabs, "elevenlabs", elevenlabs.VOICE),
    "elevenlabs_http": (ElevenLabsHttp, "elevenlabs_http", elevenlabs.VOICE),
    "deepgram": (DeepgramVoice, "deepgram", deepgram_voice.VOICE),
    "cartesia": (Cartesia, "cartesia", cartesia_voice.VOICE),
}


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


async def serve() -> None:
    """All vendors, until nobody is there any more; their addresses are written first."""
    over_http = elevenlabs.ElevenLabsServer()
    over_http.script = _read
    sockets: dict[str, VoiceVendor] = {
        "elevenlabs": elevenlabs_socket.ElevenLabsSocketServer(),
        "deepgram": deepgram_voice.DeepgramVoiceServer(),
        "cartesia": cartesia_voice.CartesiaVoiceServer(),
    }
    vendors: dict[str, Vendor[Any]] = {"elevenlabs_http": over_http, **sockets}
    async with AsyncExitStack() as stack:
        addresses = {}
        for name, vendor in vendors.items():
            if isinstance(vendor, VoiceVendor):
                vendor.script = _speak
                routes = vendor.routes()
            else:
                routes = [web.post("/v1/text-to-speech/{voice}/stream", vendor.answer)]
            addresses[name] = f"http://{await stack.enter_async_context(serving(*routes))}"
        print(json.dumps(addresses), flush=True)
        await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def vendors_apart() -> AsyncIterator[dict[str, str]]:
    """The vendors' addresses, while they run in another process."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "providers.measure_voice_sockets", "--serve"),
        stdin=pipe,
        stdout=pipe,
        cwd=Path(__file__).parents[1],
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield json.loads(await child.stdout.readline())
    finally:
        child.stdin.close()
        await child.wait()


async def measure(name: str) -> dict[str, float]:
    """The figures of one adapter."""
    make, vendor, voice_name = ADAPTERS[name]
    voice = Voice(name=voice_name)
    async with vendors_apart() as addresses:
        made = make(KEY, addresses[vendor])
        await _first_ms(made, voice)  # imports what is imported late
        stream_kib, leave_ms = await _streams(made, voice)  # before others leave memory to reuse
        cold_ms = [await _cold(make, addresses[vendor], voice) for _ in range(COLD)]
        before_s = time.process_time()
        firsts_ms = [await _first_ms(made, voice) for _ in range(SENTENCES)]
        cpu_s = time.process_time() - before_s
        await made.close()
    return {
        "cold_ms": statistics.median(cold_ms),
        "first_p50_ms": statistics.median(firsts_ms),
        "first_p99_ms": statistics.quantiles(firsts_ms, n=100)[98],
        "cpu_ms": cpu_s * 1_000 / (SENTENCES * 2.0),
        "stream_kib": stream_kib,
        "leave_p99_ms": leave_ms,
    }


async def _cold(make: Callable[[str, str], Any], url: str, voice: Voice) -> float:
    made = make(KEY, url)
    first_ms = await _first_ms(made, voice)
    await made.close()
    return first_ms


async def _first_ms(made: Any, voice: Voice) -> float:
    """To the first sound of a sentence that is heard to its end."""
    began_s, first_s = time.perf_counter(), 0.0
    async with aclosing(made.speak(TEXT, voice)) as sound:
        async for _ in sound:
            first_s = first_s or time.perf_counter() - began_s
    return first_s * 1_000


async def _streams(made: Any, voice: Voice) -> tuple[float, float]:
    """Memory of each of many sentences under way, and how long leaving one takes."""
    gc.collect()
    before_kib = _resident_kib()
    under_way = [made.speak(ENDLESS, voice) for _ in range(STREAMS)]
    for sentence in under_way:
        await anext(sentence)
    kib, leaves_ms = (_resident_kib() - before_kib) / STREAMS, []
    for sentence in under_way:
        began_s = time.perf_counter()
        await sentence.aclose()
        leaves_ms.append((time.perf_counter() - began_s) * 1_000)
    return kib, statistics.quantiles(leaves_ms, n=100)[98]


def _resident_kib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_024


def measure_alone(name: str) -> dict[str, float]:
    """`measure`, for a process of its own."""
    return asyncio.run(measure(name))


def main(names: list[str], file: Path | None) -> None:
    # Each in a process of its own: else one would use the memory that another has let go of.
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=apart, max_tasks_per_child=1) as processes:
        measured = dict(zip(names, processes.map(measure_alone, names), strict=True))
    columns = list(next(iter(measured.values())))
    print(f"{'adapter':16}", *(f"{column:>12}" for column in columns))
    for name, figures in measured.items():
        print(f"{name:16}", *(f"{figures[column]:12.2f}" for column in columns))
    if file:
        file.write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", default=list(ADAPTERS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
    else:
        main(given.names, given.json)
