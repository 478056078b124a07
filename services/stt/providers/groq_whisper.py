"""Whisper at Groq, an utterance a request, through its own SDK.

protocol  https://console.groq.com/docs/api-reference#audio-transcription
"""

import asyncio
import logging
from functools import partial
from typing import Final

import httpx
import msgspec
from groq import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncGroq,
    DefaultAsyncHttpxClient,
    GroqError,
)

from contracts.agent import Agent
from infra.refusals import codes_of, refused
from services.stt.provider import Heard, RecognitionFailed
from services.stt.providers import whisper_doubt
from services.stt.providers.utterance import CAPABILITIES, UtteranceEar, wav_of
from services.stt.providers.whisper_doubt import Segment

NAME: Final = "groq-whisper"
MODEL: Final = "whisper-large-v3-turbo"
CONNECT_S: Final = 5.0
# Callers speak seconds apart: kept for 5 s, as is usual, each turn would wait for a new connection.
LIMITS: Final = httpx.Limits(keepalive_expiry=120)


class GroqWhisper:
    """Groq for many calls, over one pool of connections.

    `agent.stt.options` goes into the request as it is, for example `prompt = "Ostermann"`.
    """

    name = NAME
    capabilities = CAPABILITIES

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 4_500) -> None:
        """`base_url` is the origin alone; `wait_ms`, the longest wait for a turn's words."""
        # At DEBUG this logger writes whole requests.
        logging.getLogger("groq").setLevel(logging.INFO)
        self._wait_s = wait_ms / 1_000
        self._client = AsyncGroq(
            api_key=api_key,
            base_url=base_url or "https://api.groq.com",
            max_retries=0,  # the service gives a fresh ear the turn again
            timeout=httpx.Timeout(self._wait_s, connect=min(self._wait_s, CONNECT_S)),
            http_client=DefaultAsyncHttpxClient(limits=LIMITS, follow_redirects=False),
        )
        # Raw: the SDK's own type of an answer has its text alone.
        self._transcriptions = self._client.audio.transcriptions.with_raw_response

    async def open(self, agent: Agent, language: str) -> UtteranceEar:
        """An ear; nothing is asked of the vendor before the first turn is over."""
        return UtteranceEar(partial(self._transcribe, agent, language), agent.turns)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _transcribe(self, agent: Agent, language: str, sound: bytes) -> Heard:
        try:
            async with asyncio.timeout(self._wait_s):
                answer = await self._transcriptions.create(
                    file=("turn.wav", wav_of(sound), "audio/wav"),
                    model=agent.stt.model or MODEL,
                    language=language.partition("-")[0],
                    response_format="verbose_json",
                    extra_body=agent.stt.options,
                )
            words = msgspec.json.decode(await answer.read(), type=_Words)
        except (GroqError, httpx.HTTPError, TimeoutError, ValueError) as failure:
            raise _failed(failure) from None
        return whisper_doubt.heard(words.segments or [Segment(words.text)], language)


class _Words(msgspec.Struct):
    """The part of an answer that matters; in `json` it has no segments."""

    text: str
    segments: list[Segment] | None = None


def _failed(failure: Exception) -> RecognitionFailed:
    match failure:
        case APIStatusError(status_code=status, response=response, body=body):
            return refused(RecognitionFailed, NAME, status, response.headers, codes_of(body))
        case APITimeoutError() | httpx.TimeoutException() | TimeoutError():
            kind = "timeout"
        case APIConnectionError(__cause__=httpx.ConnectError()):
            kind = "unreachable"
        case APIConnectionError() | httpx.HTTPError():
            kind = "disconnected"
        case _:
            kind = "garbled"
    return RecognitionFailed(NAME, kind, retryable=True)
