"""Documents and questions over a real nats-server and a real embeddings' socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from eventually import eventually_async
from rag_town import Town, markdown, opened
from vendors.openai_embeddings import OpenAIEmbeddings, error, openai_embeddings

from contracts.passages import PassagesFound
from services.rag.app import Rag
from services.rag.providers.openai import OpenAIEmbedding

PRICES = markdown("prices", "# Prices\n\nA crown costs five hundred pounds.")
PARKING = markdown("parking", "# Parking\n\nYou can park behind the house.")
EXPENSIVE, VEHICLE = "how expensive is an implant", "where do I leave my vehicle"


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIEmbeddings]:
    async with openai_embeddings() as vendor:
        yield vendor


@asynccontextmanager
async def working(
    town: Town, vendor: OpenAIEmbeddings, model: str = "", folder: str = "index"
) -> AsyncIterator[Rag]:
    embedding = OpenAIEmbedding(vendor.key, f"{vendor.url}/v1", model)
    async with opened(town, folder, embedding.space) as store:
        # No deadline that a busy machine could miss: what is late is tested elsewhere.
        async with town.rag(store, embedding, embedding_ms=10_000) as rag:
            yield rag
    await embedding.close()


async def sources(town: Town, question: str) -> list[str]:
    answer = await town.ask(question)
    assert isinstance(answer, PassagesFound)
    return [passage.document for passage in answer.passages]


async def test_a_caller_who_uses_other_words_is_answered_from_the_right_place(
    town: Town, vendor: OpenAIEmbeddings
) -> None:
    async with working(town, vendor) as rag:
        await town.publish(PRICES)
        await rag.embedded(await town.publish(PARKING))
        assert await sources(town, EXPENSIVE) == ["prices"]
        assert await sources(town, VEHICLE) == ["parking"]
        assert (rag.counts.embedded, rag.counts.words_only) == (2, 0)


async def test_the_same_question_again_is_answered_from_memory_until_a_document_changes(
    town: Town, vendor: OpenAIEmbeddings
) -> None:
    async with working(town, vendor) as rag:
        await rag.embedded(await town.publish(PRICES))
        assert await sources(town, EXPENSIVE) == ["prices"]
        asked = vendor.requests
        assert await sources(town, EXPENSIVE) == ["prices"]
        assert (rag.counts.remembered, vendor.requests) == (1, asked)
        await rag.embedded(await town.withdraw("prices"))
        assert await sources(town, EXPENSIVE) == []
        assert rag.counts.remembered == 1


async def test_without_the_embedding_questions_are_answered_by_words_and_documents_wait(
    town: Town, vendor: OpenAIEmbeddings, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.refusal = error(503, "overloaded")
    sequence = await town.publish(PRICES)
    async with working(town, vendor) as rag:  # a start does not wait either
        assert await sources(town, "a crown please") == ["prices"]
        assert await sources(town, EXPENSIVE) == []
        assert rag.counts.words_only == 2
        vendor.refusal = None
        await rag.embedded(sequence)
        assert rag.counts.embedded == 1
    assert "meanings wait for their embedding: unavailable" in caplog.text
    assert "implant" not in caplog.text


async def test_a_worker_that_died_before_it_had_embedded_goes_on_where_it_was(
    town: Town, vendor: OpenAIEmbeddings
) -> None:
    vendor.refusal = error(401, "invalid_api_key")  # settled by people, so it waits
    async with working(town, vendor):
        sequence = await town.publish(PRICES)
        await eventually_async(lambda: refused(vendor))
    vendor.refusal = None
    async with working(town, vendor) as rag:
        await rag.embedded(sequence)
        assert await sources(town, EXPENSIVE) == ["prices"]


async def refused(vendor: OpenAIEmbeddings) -> bool:
    return vendor.requests > 0


async def test_another_embedding_embeds_the_whole_log_by_itself(
    town: Town, vendor: OpenAIEmbeddings
) -> None:
    await town.publish(PRICES)
    sequence = await town.publish(PARKING)
    for model in ("text-embedding-3-small", "text-embedding-3-large"):
        async with working(town, vendor, model) as rag:
            await rag.embedded(sequence)
            assert rag.counts.embedded == 2
            assert await sources(town, EXPENSIVE) == ["prices"]
    async with working(town, vendor, model) as rag:
        await rag.embedded(sequence)
        assert rag.counts.embedded == 0  # all is there


async def test_a_document_the_embedding_refuses_is_found_by_its_words(
    town: Town, vendor: OpenAIEmbeddings, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.refusal = error(400, "invalid_value")
    async with working(town, vendor) as rag:
        await rag.embedded(await town.publish(PRICES))
        vendor.refusal = None
        await rag.embedded(await town.publish(PARKING))
        assert (rag.counts.embedded, rag.counts.not_embedded) == (1, 1)
        assert await sources(town, "crowns") == ["prices"]
    assert "is found by words alone: refused" in caplog.text
