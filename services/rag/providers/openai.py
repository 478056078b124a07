"""Embeddings of OpenAI, or of any server that speaks its protocol, through OpenAI's own SDK.

protocol  https://platform.openai.com/docs/api-reference/embeddings/create
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

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

from infra.refusals import codes_of, refused
from services.rag.provider import Capabilities, EmbeddingFailed, Vector
from services.rag.providers.answers import checked
from services.rag.providers.prefixes import prefixes_of

NAME: Final = "openai"
MODEL: Final = "text-embedding-3-small"
CONNECT_S: Final = 5.0
_BATCH: Final = 128  # the vendor takes 2,048, but smaller servers do not
LIMITS: Final = httpx2.Limits(keepalive_expiry=120)  # questions come seconds apart


class OpenAIEmbedding:
    """One server and model, over one pool of connections."""

    name = NAME
    capabilities = Capabilities(batch=_BATCH)

    def __init__(
        self, api_key: str, base_url: str | None = None, model: str = "", *, wait_ms: int = 30_000
    ) -> None:
        """`base_url` ends in /v1; `wait_ms`: the longest wait for an answer."""
        # At DEBUG this logger writes whole requests.
        logging.getLogger("openai").setLevel(logging.INFO)
        self._model = model or MODEL
        self.space = f"{NAME}/{self._model}"
        self._prefixes = prefixes_of(self._model)
        self._wait_s = wait_ms / 1_000
        self._client = AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or "https://api.openai.com/v1",
            max_retries=0,  # whoever asks decides whether there is time for another try
            timeout=httpx2.Timeout(self._wait_s, connect=min(self._wait_s, CONNECT_S)),
            http_client=DefaultAsyncHttpxClient(limits=LIMITS, follow_redirects=False),
        )
        self._embeddings = self._client.embeddings.with_raw_response  # the SDK's types cost 10 ms

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """See services.rag.provider.Embedding.passages."""
        return await self._embed([self._prefixes.passage + text for text in texts])

    async def question(self, text: str) -> Vector:
        """See services.rag.provider.Embedding.question."""
        [vector] = await self._embed([self._prefixes.question + text])
        return vector

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _embed(self, texts: list[str]) -> list[Vector]:
        try:
            async with asyncio.timeout(self._wait_s):
                answer = await self._embeddings.create(
                    input=texts,
                    model=self._model,
                    encoding_format="float",  # every server has it
                )
            data = msgspec.json.decode(answer.content, type=_Answer).data
        except (OpenAIError, httpx2.HTTPError, TimeoutError, ValueError) as failure:
            raise _failed(failure) from None
        ordered = sorted(data, key=lambda one: one.index)
        return checked(NAME, [one.embedding for one in ordered], len(texts))


class _One(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    """The part of an answer that matters."""

    data: list[_One]


def _failed(failure: Exception) -> EmbeddingFailed:
    match failure:
        case APIStatusError(status_code=status, response=response, body=body):
            return refused(EmbeddingFailed, NAME, status, response.headers, codes_of(body))
        case APITimeoutError() | httpx2.TimeoutException() | TimeoutError():
            kind = "timeout"
        case APIConnectionError(__cause__=httpx2.ConnectError()):
            kind = "unreachable"
        case APIConnectionError() | httpx2.HTTPError():
            kind = "disconnected"
        case _:
            kind = "garbled"
    return EmbeddingFailed(NAME, kind, retryable=True)
