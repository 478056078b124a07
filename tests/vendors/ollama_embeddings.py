"""Ollama's embeddings on loopback, as strict as the server.

Sources of the rules: [1] github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings,
[2] server/routes.go (EmbedHandler) and api/types.go (EmbedRequest) of the same repository.
"""

import re
from contextlib import AbstractAsyncContextManager
from typing import Any

from vendors.embedding import EmbeddingVendor, Texts
from vendors.serving import Refusal, Rejected
from vendors.strict import on_loopback

MODELS = {"nomic-embed-text", "mxbai-embed-large", "all-minilm", "bge-m3"}  # pulled here
FIELDS = {"dimensions", "input", "keep_alive", "model", "options", "truncate"}  # [2]
_DURATION = re.compile(r"-?\d+(ns|us|ms|s|m|h)")  # Go's


class OllamaTexts(Texts):
    """Texts to embed."""

    async def vectors(self, vectors: list[list[float]]) -> None:
        await self.json(
            {
                "model": self.body["model"],
                "embeddings": vectors,
                "total_duration": 14_143_917,  # nanoseconds
                "load_duration": 1_019_500,
                "prompt_eval_count": 8,
            }
        )


class OllamaEmbeddings(EmbeddingVendor):
    """Asks for no key."""

    path = "/api/embed"
    form = OllamaTexts

    def check(self, body: dict[str, Any]) -> None:
        if unknown := set(body) - FIELDS:  # the server leaves them unread; we should not send any
            raise self.invalid(f"unknown fields: {sorted(unknown)}")
        if str(body.get("model", "")).removesuffix(":latest") not in MODELS:
            raise Rejected("a model that was not pulled", error(404))  # [2]
        if not _are_texts(body.get("input")):
            raise self.invalid("invalid input type")  # [2]
        if not _is_duration(body.get("keep_alive", "5m")):
            raise self.invalid("keep_alive")  # [2]

    def invalid(self, problem: str) -> Rejected:
        return Rejected(problem, error(400))


def ollama_embeddings() -> AbstractAsyncContextManager[OllamaEmbeddings]:
    """A server for one test."""
    return on_loopback(OllamaEmbeddings(), "POST", OllamaEmbeddings.path)


def error(status: int) -> Refusal:
    """An error as the server words it; its message repeats what was sent."""
    return Refusal(status, {"error": "about your words"})


def _are_texts(given: Any) -> bool:
    texts = given if isinstance(given, list) else [given]
    return bool(texts) and all(isinstance(text, str) for text in texts)


def _is_duration(given: Any) -> bool:
    return isinstance(given, (int, float)) or bool(_DURATION.fullmatch(str(given)))
