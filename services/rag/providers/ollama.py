"""Embeddings of an Ollama server, through its own SDK.

protocol  https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import httpx
from ollama import AsyncClient, ResponseError

from infra.refusals import refused
from services.rag.provider import Capabilities, EmbeddingFailed, Vector
from services.rag.providers.answers import checked
from services.rag.providers.prefixes import prefixes_of

NAME: Final = "ollama"
MODEL: Final = "nomic-embed-text"
CONNECT_S: Final = 5.0
_KEEP_ALIVE: Final = (
    "60m"  # by default the model is unloaded after 5 minutes; loading takes seconds
)


class OllamaEmbedding:
    """One server and model, over one pool of connections."""

    name = NAME
    capabilities = Capabilities(batch=32)

    def __init__(self, url: str, model: str = "", *, wait_ms: int = 60_000) -> None:
        """`wait_ms`: the longest wait for an answer; the first loads the model."""
        self._model = model or MODEL
        self.space = f"{NAME}/{self._model}"
        self._prefixes = prefixes_of(self._model)
        self._wait_s = wait_ms / 1_000
        wait = httpx.Timeout(self._wait_s, connect=min(self._wait_s, CONNECT_S))
        self._client = AsyncClient(
            host=url,
            timeout=wait,
            limits=httpx.Limits(keepalive_expiry=120),
            follow_redirects=False,
        )

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """See services.rag.provider.Embedding.passages."""
        return await self._embed([self._prefixes.passage + text for text in texts])

    async def question(self, text: str) -> Vector:
        """See services.rag.provider.Embedding.question."""
        [vector] = await self._embed([self._prefixes.question + text])
        return vector

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def _embed(self, texts: list[str]) -> list[Vector]:
        try:
            async with asyncio.timeout(self._wait_s):
                answer = await self._client.embed(
                    model=self._model, input=texts, truncate=True, keep_alive=_KEEP_ALIVE
                )
        except (ResponseError, httpx.HTTPError, OSError, ValueError) as failure:
            raise _failed(failure) from None
        return checked(NAME, [list(vector) for vector in answer.embeddings], len(texts))


def _failed(failure: Exception) -> EmbeddingFailed:
    match failure:
        case ResponseError(status_code=status):
            return refused(EmbeddingFailed, NAME, status, {})  # the SDK keeps no headers
        case TimeoutError() | httpx.TimeoutException():
            kind = "timeout"
        case ConnectionError() | httpx.ConnectError():
            kind = "unreachable"  # the SDK's own, in place of httpx's
        case httpx.HTTPError() | OSError():
            kind = "disconnected"
        case _:
            kind = "garbled"
    return EmbeddingFailed(NAME, kind, retryable=True)
