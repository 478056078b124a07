"""The vendors to telephone with that are told when a turn is over: they know who speaks."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import pytest
from vendors.by_hand import asked
from vendors.by_hand.hearing import VOICES, known, said, written
from vendors.by_hand.latency import INSTANT
from vendors.elevenlabs_scribe import scribe_server
from vendors.groq_audio import groq_transcription
from vendors.openai_audio import openai_audio
from vendors.sarvam import saaras_server

from contracts.agent import Agent
from services.audio.frames import SILENT_FRAME, split
from services.audio.wav import read_wav
from services.stt.provider import SpeechToText
from services.stt.providers.elevenlabs import Scribe
from services.stt.providers.groq_whisper import GroqWhisper
from services.stt.providers.openai import OpenAITranscription
from services.stt.providers.sarvam import Sarvam

VENDORS: dict[str, tuple[Any, Callable[[], Any], Callable[[str, str], SpeechToText]]] = {
    "elevenlabs": (scribe_server, lambda: asked.scribe(known(), INSTANT), Scribe),
    "sarvam": (saaras_server, lambda: asked.saaras(INSTANT), Sarvam),
    "groq-whisper": (groq_transcription, lambda: asked.transcription(INSTANT), GroqWhisper),
    "openai": (
        openai_audio,
        lambda: asked.transcription(INSTANT),
        lambda key, url: OpenAITranscription(key, f"{url}/v1"),
    ),
}


@pytest.mark.parametrize("name", VENDORS)
async def test_recorded_callers_are_understood_turn_by_turn(name: str) -> None:
    serve, script, make = VENDORS[name]
    server: AbstractAsyncContextManager[Any] = serve()
    async with server as vendor:
        vendor.script = script()
        ears = make(vendor.key, vendor.url)
        ear = await ears.open(Agent(name="a"), "en-US")
        for recording in ("decline", "confirm"):
            for frame in (SILENT_FRAME, *split(read_wav(VOICES / f"{recording}.wav"))):
                ear.feed(frame)
            ear.finish()
        async with asyncio.timeout(5), aclosing(ear.heard()) as heard:
            finals: list[str] = []
            while len(finals) < 2:
                piece = await anext(heard)
                finals += [piece.text] if piece.final else []
        assert finals == [written(said()[recording]) for recording in ("decline", "confirm")]
        await ear.close()
        await ears.close()
