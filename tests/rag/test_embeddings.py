"""What every embedding must do, each over a real socket or with a real model on disk."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from vendors.ollama_embeddings import ollama_embeddings
from vendors.openai_embeddings import openai_embeddings
from vendors.tiny_embedding import make_model

from infra.outside import Offered
from services.rag.provider import Embedding, EmbeddingFailed, Vector
from services.rag.providers import OFFERED
from services.rag.providers.fastembed import FastEmbed
from services.rag.providers.ollama import OllamaEmbedding
from services.rag.providers.openai import OpenAIEmbedding

CROWN, PARKING = "A crown costs five hundred pounds.", "You can park behind the house."


@asynccontextmanager
async def openai(folder: Path) -> AsyncIterator[Embedding]:
    async with openai_embeddings() as vendor:
        yield OpenAIEmbedding(vendor.key, f"{vendor.url}/v1")


@asynccontextmanager
async def ollama(folder: Path) -> AsyncIterator[Embedding]:
    async with ollama_embeddings() as vendor:
        yield OllamaEmbedding(vendor.url, "all-minilm")


@asynccontextmanager
async def fastembed(folder: Path) -> AsyncIterator[Embedding]:
    yield FastEmbed(make_model(folder / "themes"), threads=1)


@asynccontextmanager
async def real(folder: Path) -> AsyncIterator[Embedding]:
    key = os.environ.get("OPENAI_API_KEY", "")
    if not key:
        pytest.skip("OPENAI_API_KEY is not set")
    yield OpenAIEmbedding(key, os.environ.get("OPENAI_BASE_URL"))


EMBEDDINGS = {"openai": openai, "ollama": ollama, "fastembed": fastembed}
LIVE = pytest.param(real, id="the real openai", marks=pytest.mark.live)


@pytest.fixture(params=[*(pytest.param(make, id=name) for name, make in EMBEDDINGS.items()), LIVE])
async def embedding(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Embedding]:
    async with request.param(tmp_path) as made:
        yield made
        await made.close()


def nearness(one: Vector, other: Vector) -> float:
    def length(vector: Vector) -> float:
        return sum(place * place for place in vector) ** 0.5

    return sum(a * b for a, b in zip(one, other, strict=True)) / (length(one) * length(other))


async def test_a_question_lies_nearer_to_what_answers_it_than_to_anything_else(
    embedding: Embedding,
) -> None:
    crown, parking = await embedding.passages([CROWN, PARKING])
    asked = await embedding.question("where do I leave my vehicle")
    assert nearness(asked, parking) > nearness(asked, crown)


async def test_vectors_come_in_the_order_of_their_texts_and_have_one_length(
    embedding: Embedding,
) -> None:
    texts = [CROWN, PARKING] * (embedding.capabilities.batch // 2)
    vectors = await embedding.passages(texts)
    assert len(vectors) == len(texts)
    assert {len(vector) for vector in vectors} == {len(await embedding.question("parking"))}
    assert nearness(vectors[0], vectors[2]) > nearness(vectors[0], vectors[1])
    assert nearness(vectors[1], vectors[-1]) > 0.99


async def test_the_same_text_lies_at_the_same_place(embedding: Embedding) -> None:
    [one], [other] = [await embedding.passages([CROWN]) for _ in range(2)]
    assert nearness(one, other) > 0.999


async def test_questions_are_embedded_side_by_side(embedding: Embedding) -> None:
    asked = await asyncio.gather(*(embedding.question(CROWN) for _ in range(8)))
    assert len({tuple(vector) for vector in asked}) == 1


async def test_it_says_whose_space_it_is(embedding: Embedding) -> None:
    assert embedding.space.startswith(f"{embedding.name}/")


async def test_a_model_told_apart_gets_what_it_wants_before_each_text() -> None:
    async with ollama_embeddings() as vendor:
        nomic = OllamaEmbedding(vendor.url)
        await nomic.passages(["crowns"])
        await nomic.question("crowns")
        await nomic.close()
        told = [answer.texts for answer in vendor.answers]
    assert told == [["search_document: crowns"], ["search_query: crowns"]]


async def test_another_model_file_is_another_space_and_the_same_elsewhere_is_not(
    tmp_path: Path,
) -> None:
    [one, same, other] = [
        FastEmbed(make_model(tmp_path / name, size=size)).space
        for name, size in (("one", 8), ("same", 8), ("other", 9))
    ]
    assert one == same
    assert one != other


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
async def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path, file: str) -> None:
    (make_model(tmp_path) / file).unlink()
    with pytest.raises(EmbeddingFailed, match=rf"fastembed: its folder has no {file}"):
        FastEmbed(tmp_path)


async def test_a_model_that_cannot_be_loaded_fails_for_good(tmp_path: Path) -> None:
    (make_model(tmp_path) / "model.onnx").write_bytes(b"no model at all")
    broken = FastEmbed(tmp_path)
    with pytest.raises(EmbeddingFailed) as failed:
        await broken.question("crowns")
    assert not failed.value.retryable
    await broken.close()


async def test_an_embedding_is_offered_where_its_settings_are(tmp_path: Path) -> None:
    offered = Offered(OFFERED, {"fastembed_model": str(make_model(tmp_path))})
    assert list(offered) == ["fastembed"]
    assert offered.lacking["openai"] == "set PARTYLINE_OPENAI_API_KEY"
    assert offered["fastembed"].capabilities.local
    await offered.close()


async def test_no_key_is_shown() -> None:
    embedding = OpenAIEmbedding("sk-my-key")
    assert "sk-my-key" not in repr(embedding)
    await embedding.close()
