"""The voices that speak over sockets, each with its vendor on loopback."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, NamedTuple

from vendors import cartesia_voice, deepgram_voice, elevenlabs, elevenlabs_socket
from vendors.voice_sockets import Speaking, VoiceVendor

from contracts.dialog import Voice
from services.tts.provider import TextToSpeech, WordTimes
from services.tts.providers.cartesia import Cartesia
from services.tts.providers.deepgram import DeepgramVoice
from services.tts.providers.elevenlabs import ElevenLabs


class Adapter(NamedTuple):
    """A voice, its vendor, and what differs from vendor to vendor."""

    vendor: Callable[[], AbstractAsyncContextManager[VoiceVendor]]
    make: Callable[[str, str, int], TextToSpeech]  # of key, address, longest wait in milliseconds
    voice: Voice
    places: int  # sentences that share a connection
    used_up: Callable[[Speaking], Awaitable[None]] | None  # None: said by a status alone
    nothing_said: str  # kind of failure when no sound comes


async def elevenlabs_used_up(speaking: Speaking) -> None:
    vendor = elevenlabs_socket.ElevenLabsSocketServer()
    await vendor.tell(speaking.client, "quota_exceeded")


async def cartesia_used_up(speaking: Speaking) -> None:
    await speaking.client.say(cartesia_voice.error(402, "quota_exceeded", speaking.id))


ADAPTERS = {
    "elevenlabs": Adapter(
        elevenlabs_socket.elevenlabs_socket_server,
        lambda key, url, wait_ms: ElevenLabs(key, url, wait_ms=wait_ms),
        Voice(provider="elevenlabs", name=elevenlabs.VOICE),
        5,
        elevenlabs_used_up,
        "timeout",  # a context that is not closed never says that it is final
    ),
    "deepgram": Adapter(
        deepgram_voice.deepgram_voice_server,
        lambda key, url, wait_ms: DeepgramVoice(key, url, wait_ms=wait_ms),
        Voice(provider="deepgram", name=deepgram_voice.VOICE),
        1,
        None,
        "garbled",
    ),
    "cartesia": Adapter(
        cartesia_voice.cartesia_voice_server,
        lambda key, url, wait_ms: Cartesia(key, url, wait_ms=wait_ms),
        Voice(provider="cartesia", name=cartesia_voice.VOICE),
        20,
        cartesia_used_up,
        "garbled",
    ),
}


class Line(NamedTuple):
    """A voice under test and its vendor."""

    adapter: Adapter
    vendor: VoiceVendor
    synthesiser: TextToSpeech


async def pieces(line: Line, text: str, voice: Voice | None = None) -> list[Any]:
    """All that comes of a sentence, within five seconds."""
    speaking = line.synthesiser.speak(text, voice or line.adapter.voice)
    assert isinstance(speaking, AsyncGenerator)
    async with asyncio.timeout(5), aclosing(speaking):
        return [piece async for piece in speaking]


async def spoken(line: Line, text: str, voice: Voice | None = None) -> bytes:
    """A sentence's sound."""
    came = await pieces(line, text, voice)
    return b"".join(piece for piece in came if isinstance(piece, bytes))


async def times(line: Line, text: str) -> list[WordTimes]:
    """What is told of its words."""
    return [piece for piece in await pieces(line, text) if isinstance(piece, WordTimes)]
