"""OpenAI's embeddings on loopback, as strict as the vendor.

Sources of the rules: [1] platform.openai.com/docs/api-reference/embeddings/create and the same
text in the SDK (openai 3.52, resources/embeddings.py), [2] platform.openai.com/docs/guides/
error-codes, [3] the SDK's own types (types/embedding_model.py).
"""

import base64
import struct
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.embedding import EmbeddingVendor, Texts
from vendors.serving import Refusal, Rejected
from vendors.strict import on_loopback

MODELS = {"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"}  # [3]
FIELDS = {"dimensions", "encoding_format", "input", "model", "user"}  # [1]
MOST_TEXTS = 2_048  # [1]
MOST_TOKENS, MOST_TOKENS_OF_ALL = 8_192, 300_000  # [1]
_LETTERS_PER_TOKEN = 4  # the vendor's rule of thumb for English


class OpenAITexts(Texts):
    """Texts to embed."""

    async def vectors(self, vectors: list[list[float]]) -> None:
        data = [
            {"object": "embedding", "index": index, "embedding": self._formed(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        await self.json(
            {"object": "list", "data": data, "model": self.body["model"], "usage": usage}
        )

    def _formed(self, vector: list[float]) -> list[float] | str:
        if self.body.get("encoding_format") == "base64":
            return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        return vector


class OpenAIEmbeddings(EmbeddingVendor):
    """Its `url` is without /v1."""

    path = "/v1/embeddings"
    form = OpenAITexts

    def check_key(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            raise Rejected("authorization", error(401, "invalid_api_key"))

    def check(self, body: dict[str, Any]) -> None:
        if body.get("model") not in MODELS:
            raise Rejected("an unknown model", error(404, "model_not_found"))
        if problem := _problem(body):
            raise self.invalid(problem)

    def invalid(self, problem: str) -> Rejected:
        return Rejected(problem, error(400, "invalid_value"))


def openai_embeddings() -> AbstractAsyncContextManager[OpenAIEmbeddings]:
    """A server for one test."""
    return on_loopback(OpenAIEmbeddings(), "POST", OpenAIEmbeddings.path)


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message repeats what was sent."""
    body = {"error": {"message": "about your words", "type": "invalid", "code": code}}
    return Refusal(status, body, headers)


def _problem(body: dict[str, Any]) -> str:
    """What the vendor would refuse in the request; empty: nothing."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if unknown := set(body) - FIELDS:
        return f"unsupported parameters: {sorted(unknown)}"
    if body.get("encoding_format", "float") not in ("float", "base64"):
        return "encoding_format"
    if "dimensions" in body and not body["model"].startswith("text-embedding-3"):
        return "dimensions of a model that has but one"
    if not isinstance(texts, list) or not 1 <= len(texts) <= MOST_TEXTS:
        return "input is a text or a list of them"
    return _problem_of_texts(texts)


def _problem_of_texts(texts: list[Any]) -> str:
    if not all(isinstance(text, str) and text for text in texts):
        return "an empty text, or none"
    tokens = [len(text) // _LETTERS_PER_TOKEN for text in texts]
    too_long = max(tokens) > MOST_TOKENS or sum(tokens) > MOST_TOKENS_OF_ALL
    return "too long" if too_long else ""
