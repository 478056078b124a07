"""Transcription at OpenAI, or at any server that speaks its protocol, through OpenAI's own SDK.

protocol  https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import asyncio
import logging
import math
from functools import partial
from typing import Any, Final

import httpx2
import msgspec
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
)

from contracts.agent import Agent
from infra.refusals import codes_of, refused
from services.stt.provider import Heard, RecognitionFailed
from services.stt.providers import whisper_doubt
from services.stt.providers.utterance import CAPABILITIES, UtteranceEar, wav_of
from services.stt.providers.whisper_doubt import Segment

NAME: Final = "openai"
MODEL: Final = "gpt-transcribe"  # the older ones are announced to end in February 2027
CONNECT_S: Final = 5.0
# Callers speak seconds apart: kept for 5 s, as is usual, each turn would wait for a new connection.
LIMITS: Final = httpx2.Limits(keepalive_expiry=120)


class OpenAITranscription:
    """One server for many calls, over one pool of connections.

    `agent.stt.options` goes into the request as it is and replaces what is set here: for a server
    without `verbose_json`, `response_format = "json"`.
    """

    name = NAME
    capabilities = CAPABILITIES

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 4_500) -> None:
        """`base_url` ends in /v1; `wait_ms`, the longest wait for a turn's words."""
        # At DEBUG this logger writes whole requests.
        logging.getLogger("openai").setLevel(logging.INFO)
        self._wait_s = wait_ms / 1_000
        self._client = AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or "https://api.openai.com/v1",
            max_retries=0,  # the service gives a fresh ear the turn again
            timeout=httpx2.Timeout(self._wait_s, connect=min(self._wait_s, CONNECT_S)),
            http_client=DefaultAsyncHttpxClient(limits=LIMITS, follow_redirects=False),
        )
        # Raw: which of the SDK's types an answer has depends on a format options may change.
        self._transcriptions = self._client.audio.transcriptions.with_raw_response

    async def open(self, agent: Agent, language: str) -> UtteranceEar:
        """An ear; nothing is asked of the server before the first turn is over."""
        return UtteranceEar(partial(self._transcribe, agent, language), agent.turns)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _transcribe(self, agent: Agent, language: str, sound: bytes) -> Heard:
        model = agent.stt.model or MODEL
        fields = _what_is_asked(model) | agent.stt.options
        try:
            async with asyncio.timeout(self._wait_s):
                answer = await self._transcriptions.create(
                    file=("turn.wav", wav_of(sound), "audio/wav"),
                    model=model,
                    language=language.partition("-")[0],
                    extra_body=fields,
                )
            words = msgspec.json.decode(answer.content, type=_Words)
        except (OpenAIError, httpx2.HTTPError, TimeoutError, ValueError) as failure:
            raise _failed(failure) from None
        return words.heard(language)


def _what_is_asked(model: str) -> dict[str, Any]:
    """The format that says most about how sure the model is: not all models have each."""
    match model:
        case "gpt-4o-transcribe-diarize":
            return {"response_format": "json"}
        case _ if model.startswith("gpt-4o"):
            return {"response_format": "json", "include": ["logprobs"]}
        case _ if model.startswith("gpt-"):
            return {"response_format": "json"}
        case _:
            return {"response_format": "verbose_json"}


class _Token(msgspec.Struct):
    logprob: float | None = None


class _Words(msgspec.Struct):
    """The part of an answer that matters, of whichever format."""

    text: str
    segments: list[Segment] | None = None  # of verbose_json
    logprobs: list[_Token] | None = None  # of json, if included

    def heard(self, language: str) -> Heard:
        if self.segments:
            return whisper_doubt.heard(self.segments, language)
        rated = [token.logprob for token in self.logprobs or () if token.logprob is not None]
        sure = math.exp(min(0.0, sum(rated) / len(rated))) if rated else 1.0
        return Heard(text=self.text.strip(), final=True, confidence=sure, language=language)


def _failed(failure: Exception) -> RecognitionFailed:
    match failure:
        case APIStatusError(status_code=status, response=response, body=body):
            return refused(RecognitionFailed, NAME, status, response.headers, codes_of(body))
        case APITimeoutError() | httpx2.TimeoutException() | TimeoutError():
            kind = "timeout"
        case APIConnectionError(__cause__=httpx2.ConnectError()):
            kind = "unreachable"
        case APIConnectionError() | httpx2.HTTPError():
            kind = "disconnected"
        case _:
            kind = "garbled"
    return RecognitionFailed(NAME, kind, retryable=True)
