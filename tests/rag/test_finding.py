"""What was found is remembered until the shelf changes, and by words and meaning alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from vendors.openai_embeddings import error, openai_embeddings

from contracts.ids import AgentId, DocumentId, TenantId
from services.rag.chunk import Piece
from services.rag.counts import Counts
from services.rag.embed import Bm25
from services.rag.find import Finder
from services.rag.meaning import Meaning
from services.rag.providers.openai import OpenAIEmbedding
from services.rag.store import Shelf, Store
from services.rag.stores.qdrant import open_folder

SHELF = Shelf(TenantId("demo"), AgentId("dentist"))
OTHER = Shelf(TenantId("demo"), AgentId("baker"))
CROWN = Piece("Prices", "A crown costs five hundred pounds.")
QUESTION = "what does a crown cost"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_folder(tmp_path, Bm25())
    await store.resume("log")
    await store.index(SHELF, DocumentId("prices"), "1", [CROWN], sequence=1)
    yield store
    await store.close()


async def test_the_same_question_is_answered_from_memory(store: Store) -> None:
    counts = Counts()
    finder = Finder(store, counts, remembered=10)
    first = await finder.find(SHELF, QUESTION, 4)
    assert await finder.find(SHELF, "What does a crown cost?", 4) is first
    assert len(first) == 1
    assert counts.remembered == 1


async def test_that_nothing_was_found_is_remembered_too(store: Store) -> None:
    counts = Counts()
    finder = Finder(store, counts, remembered=10)
    assert [await finder.find(SHELF, "elephants", 4) for _ in range(2)] == [(), ()]
    assert counts.remembered == 1


async def test_a_change_of_the_shelf_is_seen_by_the_next_question(store: Store) -> None:
    counts = Counts()
    finder = Finder(store, counts, remembered=10)
    await finder.find(SHELF, QUESTION, 4)
    await finder.find(OTHER, QUESTION, 4)
    await store.withdraw(SHELF, DocumentId("prices"), sequence=2)
    finder.changed(SHELF)
    assert await finder.find(SHELF, QUESTION, 4) == ()
    assert counts.remembered == 0
    await finder.find(OTHER, QUESTION, 4)  # of which nothing changed
    assert counts.remembered == 1


async def test_shelves_and_numbers_of_passages_do_not_share_what_was_found(store: Store) -> None:
    await store.index(SHELF, DocumentId("offers"), "2", [CROWN], sequence=2)
    finder = Finder(store, Counts(), remembered=10)
    assert len(await finder.find(SHELF, QUESTION, 4)) == 2
    assert len(await finder.find(SHELF, QUESTION, 1)) == 1
    assert await finder.find(OTHER, QUESTION, 4) == ()


async def test_what_was_found_while_the_shelf_changed_is_not_remembered(store: Store) -> None:
    class Changing:
        """A store whose shelf changes amid the search."""

        async def search(self, *asked: object) -> list[object]:
            finder.changed(SHELF)
            return await store.search(*asked)  # type: ignore[arg-type,return-value]

    counts = Counts()
    finder = Finder(Changing(), counts, remembered=10)  # type: ignore[arg-type]
    for _ in range(2):
        await finder.find(SHELF, QUESTION, 4)
    assert counts.remembered == 0


async def test_what_was_found_by_words_for_want_of_an_embedding_is_not_remembered(
    store: Store,
) -> None:
    async with openai_embeddings() as vendor:
        vendor.refusal = error(503, "overloaded")
        embedding, counts = OpenAIEmbedding(vendor.key, f"{vendor.url}/v1"), Counts()
        meaning = Meaning(embedding, counts, question_ms=5_000, remembered=10)
        finder = Finder(store, counts, meaning, remembered=10)
        assert [len(await finder.find(SHELF, QUESTION, 4)) for _ in range(2)] == [1, 1]
        assert (counts.words_only, counts.remembered) == (2, 0)
        await embedding.close()
