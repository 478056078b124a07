"""Voices that fail: the wait for the first sound, or the gap in it."""

import statistics
import time
from itertools import pairwise
from typing import Any

from failover_figures import NOBODY, SOUND, WAIT_MS, Measured, is_silent, measured, waits
from vendors.elevenlabs import VOICE, Reading, elevenlabs_server
from vendors.serving import Refusal

from contracts.dialog import FallbackVoice, SentenceWritten, Voice
from contracts.ids import HostId, TenantId, new_call_id
from contracts.streams import CallPlace
from infra.chain import Breakers
from services.tts.cache import Phrases
from services.tts.counts import Counts
from services.tts.lines import Line, Lines, Work
from services.tts.providers.elevenlabs_http import ElevenLabsHttp
from services.tts.rest import Paces
from services.tts.speech import Speech, Tools


class Wire:
    """Where the sound goes: when each piece of it came."""

    def __init__(self) -> None:
        self.came_s: list[float] = []

    def sound(self, subject: str) -> "Wire":
        return self

    def publish(self, payload: bytes) -> None:
        self.came_s.append(time.perf_counter())


async def reads(reading: Reading) -> None:
    for _ in range(20):
        await reading.audio(SOUND)


async def reads_a_little(reading: Reading) -> None:
    await reading.audio(SOUND * 2)
    await reading.gone()


async def of_voices(turns: int) -> list[Measured]:
    async with elevenlabs_server() as first, elevenlabs_server() as second:
        voices = {
            "first": ElevenLabsHttp(first.key, first.url),
            "second": ElevenLabsHttp(second.key, second.url),
        }
        gone = {**voices, "first": ElevenLabsHttp(first.key, NOBODY)}
        second.script = reads

        async def turn(among: dict[str, ElevenLabsHttp] = voices, amid: bool = False) -> float:
            wire, began_s = Wire(), time.perf_counter()
            await _speech(wire, among).speak()
            gaps = [after - before for before, after in pairwise(wire.came_s)]
            return (max(gaps) if amid else wire.came_s[0] - began_s) * 1000

        first.script = reads
        usual_ms = statistics.median(await waits(turn, turns))
        refused = await waits(lambda: turn(gone), turns)
        first.refusal = Refusal(503, b"")
        down = await waits(turn, turns)
        first.refusal, first.script = None, is_silent
        silent = await waits(turn, turns)
        first.script = reads_a_little
        stalled = await waits(lambda: turn(amid=True), turns)
        for voice in (*voices.values(), gone["first"]):
            await voice.close()
    return [
        measured("tts", "connection refused", 0, refused, usual_ms),
        measured("tts", "503", 0, down, usual_ms),
        measured("tts", "stall before the first", WAIT_MS, silent, usual_ms),
        measured("tts", "stall amid", WAIT_MS, stalled, 0.0),
    ]


def _speech(wire: Any, providers: Any) -> Speech:
    others = (FallbackVoice(provider="second", name=VOICE),)
    voice = Voice(
        provider="first", name=VOICE, fallbacks=others, first_ms=WAIT_MS, stall_ms=WAIT_MS
    )
    written = SentenceWritten(
        at_ms=0, reply=1, sentence=1, text="We are open from nine to five.", voice=voice
    )
    counts, nothing = Counts(), None
    tools = Tools(
        bus=wire,
        journal=nothing,  # type: ignore[arg-type]
        codec=nothing,  # type: ignore[arg-type]
        host=HostId("tts-measured"),
        providers=providers,
        phrases=Phrases(),
        lines=Lines(wire, nothing, counts),  # type: ignore[arg-type]
        counts=counts,
        stale_s=30.0,
        tries=2,
        breakers=Breakers(),
        paces=Paces(),
    )
    place = CallPlace(TenantId("t"), new_call_id(), "dialog")
    return Speech(tools, place, Line(), Work(1, written, 1))
