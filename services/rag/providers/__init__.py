"""Embeddings by name; each is imported when it is first wanted."""

from collections.abc import Mapping
from typing import Final

from infra.outside import Keys, Offer
from services.rag.provider import Embedding


def _openai(keys: Keys) -> Embedding:
    from services.rag.providers.openai import OpenAIEmbedding

    model = keys.get("embedding_model", "")
    return OpenAIEmbedding(keys["openai_api_key"], keys.get("openai_url"), model)


def _ollama(keys: Keys) -> Embedding:
    from services.rag.providers.ollama import OllamaEmbedding

    return OllamaEmbedding(keys["ollama_url"], keys.get("embedding_model", ""))


def _fastembed(keys: Keys) -> Embedding:
    from services.rag.providers.fastembed import FastEmbed

    return FastEmbed(keys["fastembed_model"], keys.get("embedding_model", ""))


OFFERED: Final[Mapping[str, Offer[Embedding]]] = {
    "openai": Offer(make=_openai, needs=("openai_api_key",), package="openai", extra="openai"),
    "ollama": Offer(make=_ollama, needs=("ollama_url",), package="ollama", extra="ollama"),
    "fastembed": Offer(
        make=_fastembed, needs=("fastembed_model",), package="fastembed", extra="fastembed"
    ),
}
