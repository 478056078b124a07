"""ElevenLabs' streamed speech, a request a sentence, through its own SDK: for what sockets lack.

protocol  https://elevenlabs.io/docs/api-reference/text-to-speech/stream
"""

from collections.abc import AsyncGenerator
from typing import Final

import httpx
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.request_options import RequestOptions
from elevenlabs.types import VoiceSettings

from contracts.dialog import Voice
from infra.refusals import codes_of, refused
from services.tts.provider import Capabilities, SynthesisError
from services.tts.providers.said_how import language_code, speed

NAME: Final = "elevenlabs_http"
MODEL: Final = "eleven_flash_v2_5"
CONNECT_S: Final = 5.0
# A frame. The SDK's own 1024 bytes would hold back the first 128 ms of every sentence.
_OPTIONS: Final = RequestOptions(chunk_size=160)
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)


class ElevenLabsHttp:
    """ElevenLabs for many calls, over one pool of connections. `voice.name` is a voice id."""

    name = NAME
    capabilities = Capabilities(streaming=True)

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 10_000) -> None:
        """`wait_ms` is the longest wait for the next piece of audio."""
        timeout = httpx.Timeout(wait_ms / 1_000, connect=min(wait_ms / 1_000, CONNECT_S))
        # A pool of ours can be closed, and follows no redirect with the key.
        # It has no most of its own: a hundred sentences would make the next one wait for a place.
        self._pool = httpx.AsyncClient(timeout=timeout, limits=_LIMITS)
        self._client = AsyncElevenLabs(
            api_key=api_key,
            base_url=base_url or "https://api.elevenlabs.io",
            timeout=wait_ms / 1_000,
            httpx_client=self._pool,
        )

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """Audio of one sentence as it comes: mu-law, 8 kHz, mono.

        Closing the iterator early closes the response, and so stops the synthesis. Raises:
        SynthesisError.
        """
        audio_came = False
        try:
            async with self._client.text_to_speech.with_raw_response.stream(
                voice.name,
                text=text,
                model_id=voice.model or MODEL,
                output_format="ulaw_8000",
                language_code=language_code(voice) or None,
                voice_settings=_settings(voice),
                request_options=_OPTIONS,
            ) as response:
                _expect_audio(response.headers.get("content-type", ""))
                async for audio in response.data:
                    audio_came = True
                    yield audio
        except (ApiError, httpx.HTTPError, ValueError) as failure:
            raise _failed(failure) from None
        if not audio_came:
            raise SynthesisError(NAME, "garbled", retryable=True)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._pool.aclose()


def _settings(voice: Voice) -> VoiceSettings | None:
    """The voice's stored settings, unless another speed is wanted; the vendor takes 0.7 to 1.2."""
    multiple = speed(voice, 0.7, 1.2)
    return None if multiple is None else VoiceSettings(speed=multiple)


def _expect_audio(content_type: str) -> None:
    if content_type.startswith(("application/json", "text/")):
        raise ValueError("an answer that is no audio")


def _failed(failure: Exception) -> SynthesisError:
    match failure:
        case ApiError(status_code=status, headers=headers, body=body):
            told = httpx.Headers(headers)
            return refused(SynthesisError, NAME, status or 0, told, codes_of(body))
        case httpx.TimeoutException():
            return SynthesisError(NAME, "timeout", retryable=True)
        case httpx.ConnectError():
            return SynthesisError(NAME, "unreachable", retryable=True)
        case httpx.HTTPError():
            return SynthesisError(NAME, "disconnected", retryable=True)
        case _:
            return SynthesisError(NAME, "garbled", retryable=True)
