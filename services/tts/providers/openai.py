"""OpenAI's voices through its SDK, and those of any server that speaks its protocol.

protocol  https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import httpx2
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
    omit,
)

from contracts.dialog import Voice
from infra.refusals import codes_of, refused
from services.audio.streams import PcmStream, SoundStream, WavStream, telephone
from services.tts.provider import Capabilities, SynthesisError
from services.tts.providers.pieces import of_at_most
from services.tts.providers.said_how import speed

NAME: Final = "openai"
MODEL: Final = "gpt-4o-mini-tts"
VOICE: Final = "marin"
LONGEST: Final = 4_096  # characters of a request
CONNECT_S: Final = 5.0
_RATE_HZ: Final = 24_000
_RATE: Final = re.compile(r"rate=(\d{4,6})")
_WAV: Final = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")
_OTHERS: Final = (  # not the PCM that was asked for
    "application/json", "text/", "audio/mp", "audio/ogg", "audio/opus", "audio/aac", "audio/flac",
)  # fmt: skip


class OpenAI:
    """One server for many calls, over one pool of connections. `voice.name` is one of its voices.

    PCM is taken to be 24 kHz unless the answer's type says another rate or that it is a WAV file.
    """

    name = NAME
    capabilities = Capabilities(streaming=True, formats=("pcm/24000",))

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 10_000) -> None:
        """`base_url` ends in /v1. `wait_ms`: the longest wait for the next piece of audio."""
        # At DEBUG this logger writes whole requests, the words to speak included.
        logging.getLogger("openai").setLevel(logging.INFO)
        self._client = AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or "https://api.openai.com/v1",
            max_retries=0,  # a retry on the live path is the service's to decide
            timeout=httpx2.Timeout(wait_ms / 1_000, connect=min(wait_ms / 1_000, CONNECT_S)),
            http_client=DefaultAsyncHttpxClient(follow_redirects=False),
        )
        self._speech: Any = self._client.audio.speech  # imports much; not amid a call

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak. Closing early closes the response, and so stops the synthesis."""
        for piece in of_at_most(LONGEST, text):
            async with aclosing(self._spoken(piece, voice)) as sound:
                async for mulaw in sound:
                    yield mulaw

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _spoken(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        try:
            async with self._speech.with_streaming_response.create(
                model=voice.model or MODEL,
                voice=VOICE if voice.name == Voice().name else voice.name,
                input=text,
                response_format="pcm",
                speed=speed(voice, 0.25, 4.0) or omit,
            ) as response:
                sound = _sound(response.headers.get("content-type", ""))
                async with aclosing(telephone(response.iter_bytes(), sound)) as heard:
                    async for mulaw in heard:
                        yield mulaw
        except (OpenAIError, httpx2.HTTPError, ValueError) as failure:
            raise _failed(failure) from None


def _sound(content_type: str) -> SoundStream:
    """By what the answer says it is. Raises ValueError for what cannot be heard."""
    kind = content_type.lower()
    if kind.startswith(_WAV):
        return WavStream()
    if kind.startswith(_OTHERS):
        raise ValueError("an answer that is no PCM")
    rate = _RATE.search(kind)
    return PcmStream(int(rate[1]) if rate else _RATE_HZ)


def _failed(failure: Exception) -> SynthesisError:
    match failure:
        case APIStatusError(status_code=status, response=response, body=body):
            return refused(SynthesisError, NAME, status, response.headers, codes_of(body))
        case APITimeoutError() | httpx2.TimeoutException():
            return SynthesisError(NAME, "timeout", retryable=True)
        case APIConnectionError(__cause__=httpx2.ConnectError()):
            return SynthesisError(NAME, "unreachable", retryable=True)
        case APIConnectionError() | httpx2.HTTPError():
            return SynthesisError(NAME, "disconnected", retryable=True)
        case _:
            return SynthesisError(NAME, "garbled", retryable=True)
