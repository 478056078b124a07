"""Groq's voices (Orpheus), a WAV file that streams, through its own SDK.

protocol  https://console.groq.com/docs/api-reference#audio-speech
models    https://console.groq.com/docs/text-to-speech/orpheus
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import httpx
from groq import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncGroq,
    DefaultAsyncHttpxClient,
    GroqError,
)

from contracts.dialog import Voice
from infra.refusals import codes_of, refused
from services.audio.streams import WavStream, telephone
from services.tts.provider import Capabilities, SynthesisError
from services.tts.providers.pieces import of_at_most

NAME: Final = "groq"
MODEL: Final = "canopylabs/orpheus-v1-english"
VOICE: Final = "troy"
LONGEST: Final = 200  # characters of a request; Orpheus refuses more
CONNECT_S: Final = 5.0
# The SDK's own limit is 100 sentences at once; the next would wait in silence.
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)


class Groq:
    """Groq for many calls, over one pool of connections. `voice.name` is one of the model's.

    It knows no speed: `voice.speed_wpm` changes nothing.
    """

    name = NAME
    capabilities = Capabilities(streaming=True, languages=("en", "ar"), formats=("wav/48000",))

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 10_000) -> None:
        """`base_url`: the origin alone. `wait_ms`: the longest wait for the next piece of audio."""
        # At DEBUG this logger writes whole requests, the words to speak included.
        logging.getLogger("groq").setLevel(logging.INFO)
        self._client = AsyncGroq(
            api_key=api_key,
            base_url=base_url or "https://api.groq.com",
            max_retries=0,  # a retry on the live path is the service's to decide
            timeout=httpx.Timeout(wait_ms / 1_000, connect=min(wait_ms / 1_000, CONNECT_S)),
            http_client=DefaultAsyncHttpxClient(limits=_LIMITS, follow_redirects=False),
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
                response_format="wav",  # Orpheus gives no other
            ) as response:
                async with aclosing(telephone(response.iter_bytes(), WavStream())) as sound:
                    async for mulaw in sound:
                        yield mulaw
        except (GroqError, httpx.HTTPError, ValueError) as failure:
            raise _failed(failure) from None


def _failed(failure: Exception) -> SynthesisError:
    match failure:
        case APIStatusError(status_code=status, response=response, body=body):
            return refused(SynthesisError, NAME, status, response.headers, codes_of(body))
        case APITimeoutError() | httpx.TimeoutException():
            return SynthesisError(NAME, "timeout", retryable=True)
        case APIConnectionError(__cause__=httpx.ConnectError()):
            return SynthesisError(NAME, "unreachable", retryable=True)
        case APIConnectionError() | httpx.HTTPError():
            return SynthesisError(NAME, "disconnected", retryable=True)
        case _:
            return SynthesisError(NAME, "garbled", retryable=True)
