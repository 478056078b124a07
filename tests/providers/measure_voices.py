"""The voices' part of measure_adapters: a text in, mu-law out.

A vendor sends two seconds of sound at once, in pieces of a network packet; but for ENDLESS one
piece, and nothing more.
"""

import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from measuring import Measured, p50_and_p99, resident_kib, scripted
from vendors import coqui, groq_speech, openai_speech, sarvam_voice
from vendors.piper_voice import make_voice
from vendors.serving import KEY
from vendors.tones import pcm_tone

from contracts.dialog import Voice
from services.audio import mulaw
from services.audio.frames import SAMPLE_RATE_HZ
from services.tts.providers.coqui import Coqui
from services.tts.providers.espeak import Espeak
from services.tts.providers.groq import Groq
from services.tts.providers.openai import OpenAI
from services.tts.providers.piper import Piper
from services.tts.providers.sarvam import Sarvam

WORDS = "We are open from nine to five."
ENDLESS = "On and on and on."
SOUND = "x" * 33  # two seconds of it
PACKET_BYTES = 1_400
ROUNDS = 200
STREAMS = 100


def _http(server: Callable[[], Any], field: str, rate_hz: int) -> Callable[[], Any]:
    pcm = pcm_tone(SOUND, rate_hz)

    async def script(speech: Any) -> None:
        await _sent(speech.body[field], pcm, speech.audio, speech.gone)

    return scripted(server, script)


async def _conversation(talk: sarvam_voice.Conversation) -> None:
    sound = mulaw.encode(pcm_tone(SOUND, SAMPLE_RATE_HZ))
    await _sent(talk.spoken[-1], sound, talk.audio, talk.gone)
    await talk.final()


async def _whole(speech: coqui.Speech) -> None:
    await speech.audio(pcm_tone(SOUND, coqui.RATE_HZ))


async def _sent(
    text: str,
    sound: bytes,
    send: Callable[[bytes], Awaitable[None]],
    gone: Callable[[], Awaitable[None]],
) -> None:
    for at in range(0, len(sound), PACKET_BYTES):
        await send(sound[at : at + PACKET_BYTES])
        if text == ENDLESS:
            await gone()


VENDORS = {
    "groq voice": _http(groq_speech.GroqSpeechServer, "input", groq_speech.RATE_HZ),
    "openai voice": _http(openai_speech.OpenAISpeechServer, "input", openai_speech.RATE_HZ),
    "sarvam voice": scripted(sarvam_voice.SarvamVoiceServer, _conversation),
    "coqui": scripted(coqui.CoquiServer, _whole),
}


class Bare:
    """The least a voice over HTTP can be: what the others add is to be seen beside it."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}{openai_speech.PATH}"
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"})

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        body = {"model": "tts-1", "voice": "marin", "input": text, "response_format": "pcm"}
        async with self._session.post(self._url, json=body) as response:
            async for piece in response.content.iter_any():
                yield piece[:: 2 * openai_speech.RATE_HZ // SAMPLE_RATE_HZ]  # no sound, as long

    async def close(self) -> None:
        await self._session.close()


class Adapter(NamedTuple):
    """An adapter, whose vendor it talks to, and whether sound comes before all of it is made."""

    make: Callable[[str], Any]  # of host:port
    vendor: str = ""
    streams: bool = True


def _piper(_: str) -> Piper:
    folder = Path(tempfile.mkdtemp(prefix="partyline-piper-"))
    make_voice(folder, "en_US-hum-low")
    return Piper(folder)


ADAPTERS = {
    "bare http": Adapter(Bare, "openai voice"),
    "groq": Adapter(lambda address: Groq(KEY, f"http://{address}"), "groq voice"),
    "openai": Adapter(lambda address: OpenAI(KEY, f"http://{address}/v1"), "openai voice"),
    "sarvam": Adapter(lambda address: Sarvam(KEY, f"http://{address}"), "sarvam voice"),
    "coqui": Adapter(lambda address: Coqui(f"http://{address}"), "coqui", streams=False),
    "piper (a hum)": Adapter(_piper, streams=False),
    "espeak": Adapter(lambda _: Espeak(), streams=False),
}


async def measure(name: str, addresses: Mapping[str, str]) -> Measured:
    """The figures of one adapter."""
    adapter = ADAPTERS[name]
    voice = adapter.make(addresses.get(adapter.vendor, ""))
    for _ in range(10):  # imports, connections, processes
        await spoken(voice)
    firsts_s, cpu_ms = [], 0.0
    sound_s, cpu_s = 0.0, time.process_time()
    for _ in range(ROUNDS):
        first_s, length_s = await spoken(voice)
        firsts_s.append(first_s)
        sound_s += length_s
    cpu_ms = (time.process_time() - cpu_s) * 1_000 / sound_s
    p50_ms, p99_ms = p50_and_p99(firsts_s)
    memory_kib = await memory_kib_per_stream(voice) if adapter.streams else None
    await voice.close()
    return Measured(
        adapter=f"voice {name}",
        first_p50_ms=p50_ms,
        first_p99_ms=p99_ms,
        cpu_ms_per_audio_s=cpu_ms,
        memory_kib_per_stream=memory_kib,
    )


async def spoken(voice: Any) -> tuple[float, float]:
    """Seconds to the first sound of a sentence, and how long it is."""
    began_s, first_s, sound_bytes = time.perf_counter(), 0.0, 0
    async with aclosing(voice.speak(WORDS, Voice())) as sound:
        async for piece in sound:
            first_s = first_s or time.perf_counter() - began_s
            sound_bytes += len(piece)
    return first_s, sound_bytes / SAMPLE_RATE_HZ


async def memory_kib_per_stream(voice: Any) -> float:
    """Of many sentences under way at once."""
    before_kib = resident_kib()
    under_way = [voice.speak(ENDLESS, Voice()) for _ in range(STREAMS)]
    for sentence in under_way:
        await anext(sentence)
    kib = (resident_kib() - before_kib) / STREAMS
    for sentence in under_way:
        await sentence.aclose()
    return kib
