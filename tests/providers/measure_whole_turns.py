"""The part of measure_adapters for ears that take whole turns: a turn in, its words out."""

import asyncio
import atexit
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from ears import listened_to
from measuring import Measured, p50_and_p99, resident_kib, scripted
from vendors.groq_audio import GroqTranscription
from vendors.openai_audio import OpenAIAudio
from vendors.serving import KEY
from vendors.tiny_whisper import make_model
from vendors.transcribing import Recording

from contracts.agent import Agent
from services.stt.provider import SpeechToText
from services.stt.providers.groq_whisper import GroqWhisper
from services.stt.providers.openai import OpenAITranscription
from services.stt.providers.whisper import Whisper

FRAME = (b"\x20" * 4 + b"\xa0" * 4) * 20  # 20 ms, loud: silence is not sent
AGENT = Agent(name="measured")
TURN_FRAMES = 150  # 3 s
ROUNDS = 100
STREAMS, TURNS = 20, 2  # of 3 s each, fed in real time
RESIDENT_STREAMS = 100


async def yes(recording: Recording) -> None:
    await recording.words("Yes please")


VENDORS = {"groq-whisper": scripted(GroqTranscription, yes), "openai": scripted(OpenAIAudio, yes)}


class Adapter(NamedTuple):
    """An adapter, and whose address it takes, if anyone's."""

    make: Callable[[str], Any]
    vendor: str = ""


def _whisper(address: str) -> Whisper:
    """With a model of next to nothing: what is left is everything but the model."""
    folder = Path(mkdtemp(prefix="partyline-tiny-whisper-"))
    atexit.register(shutil.rmtree, folder)
    return Whisper(make_model(folder, "yes please"))


ADAPTERS = {
    "groq-whisper": Adapter(lambda url: GroqWhisper(KEY, f"http://{url}"), "groq-whisper"),
    "openai": Adapter(lambda url: OpenAITranscription(KEY, f"http://{url}/v1"), "openai"),
    "whisper": Adapter(_whisper),
}


async def measure(name: str, addresses: Mapping[str, str]) -> Measured:
    """The figures of one adapter."""
    adapter = ADAPTERS[name]
    ears = adapter.make(addresses.get(adapter.vendor, ""))
    p50_ms, p99_ms = p50_and_p99(await finals_s(ears))
    measured = Measured(
        adapter=f"ear {name}",
        first_p50_ms=p50_ms,
        first_p99_ms=p99_ms,
        memory_kib_per_stream=await memory_kib_per_stream(ears),
        cpu_ms_per_audio_s=await cpu_ms_per_audio_s(ears),
    )
    await ears.close()
    return measured


async def finals_s(ears: SpeechToText) -> list[float]:
    """From the end of a turn to its words."""
    ear = await ears.open(AGENT, "en-US")
    heard = ear.heard()
    waits_s = []
    for _ in range(ROUNDS + 1):
        for _ in range(TURN_FRAMES):
            ear.feed(FRAME)
        began_s = time.perf_counter()
        ear.finish()
        await anext(heard)
        waits_s.append(time.perf_counter() - began_s)
    await ear.close()
    return waits_s[1:]  # the first one connects


async def cpu_ms_per_audio_s(ears: SpeechToText) -> float:
    """Of many streams fed in real time, turns one after another."""
    async with listened_to(ears, AGENT, STREAMS) as opened:
        began_s, cpu_s = time.perf_counter(), time.process_time()
        for tick in range(TURNS * TURN_FRAMES):
            await asyncio.sleep(max(0.0, began_s + tick * 0.02 - time.perf_counter()))
            for place, ear in enumerate(opened):
                ear.feed(FRAME)
                if (tick + place * 7) % TURN_FRAMES == 0:  # callers do not end in step
                    ear.finish()
        return (time.process_time() - cpu_s) * 1_000 / (STREAMS * TURNS * TURN_FRAMES * 0.02)


async def memory_kib_per_stream(ears: SpeechToText) -> float:
    """Of many streams amid a turn of three seconds."""
    before_kib = resident_kib()
    async with listened_to(ears, AGENT, RESIDENT_STREAMS) as opened:
        for number in range(TURN_FRAMES):
            for ear in opened:
                ear.feed(FRAME[:-1] + bytes([number]))  # each is another, as from the wire
        return (resident_kib() - before_kib) / RESIDENT_STREAMS
