"""What every store of knowledge must do. A new store joins by one more fixture parameter."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.ids import AgentId, DocumentId, TenantId
from services.rag.chunk import Piece
from services.rag.embed import Bm25
from services.rag.store import Shelf, Store, StoreFailed, StoreLocked
from services.rag.stores.qdrant import connect_server, open_folder

SHELF = Shelf(TenantId("demo"), AgentId("dentist"))
HOURS, PRICES = DocumentId("hours"), DocumentId("prices")
OPEN = Piece("Hours > Saturday", "On Saturday we are open.")
CLOSED = Piece("Hours > Sunday", "On Sunday we are closed.")
CROWN = Piece("Prices", "A crown costs five hundred pounds.")


@pytest.fixture(params=["qdrant folder"])
async def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = await {"qdrant folder": lambda: open_folder(tmp_path, Bm25())}[request.param]()
    await store.resume("log")
    yield store
    await store.close()


async def found(store: Store, question: str, limit: int = 4) -> list[str]:
    passages = await store.search(SHELF, question, limit)
    return [f"{passage.document}#{passage.chunk}" for passage in passages]


async def test_the_best_passage_comes_first_and_what_shares_no_word_not_at_all(
    any_store: Store,
) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    await any_store.index(SHELF, PRICES, "2", [CROWN], sequence=2)
    assert await found(any_store, "is it open on saturday hours") == ["hours#0", "hours#1"]
    assert await found(any_store, "hours", limit=1) != []
    assert await found(any_store, "crowns") == ["prices#0"]  # by its stem
    assert await found(any_store, "elephants") == []
    assert await found(any_store, "") == []


async def test_a_passage_comes_back_whole(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    [passage] = await any_store.search(SHELF, "sunday", 4)
    assert (passage.document, passage.chunk) == (HOURS, 1)
    assert (passage.title, passage.text) == CLOSED
    assert passage.score > 0


async def test_a_rare_word_weighs_more_than_a_common_one(any_store: Store) -> None:
    for place in range(9):
        piece = Piece("Rooms", f"The room number {place} has a chair.")
        await any_store.index(SHELF, DocumentId(f"room{place}"), "x", [piece], sequence=place + 1)
    rare = Piece("Garden", "The garden has a fountain.")
    await any_store.index(SHELF, DocumentId("garden"), "y", [rare], sequence=10)
    assert (await found(any_store, "chair room fountain"))[0] == "garden#0"


async def test_the_same_content_again_changes_nothing(any_store: Store) -> None:
    assert await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=1)
    assert not await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=2)
    assert await found(any_store, "saturday") == ["hours#0"]


async def test_a_new_version_leaves_nothing_of_the_old(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    assert await any_store.index(SHELF, HOURS, "2", [CROWN], sequence=2)
    assert await found(any_store, "saturday sunday") == []
    assert await found(any_store, "crown") == ["hours#0"]


async def test_an_older_version_read_again_changes_nothing(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "2", [CROWN], sequence=2)
    assert not await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=1)
    assert await found(any_store, "saturday") == []


async def test_a_withdrawn_document_stays_away_until_it_is_added_anew(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=1)
    await any_store.withdraw(SHELF, HOURS, sequence=2)
    assert await found(any_store, "saturday") == []
    await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=1)
    assert await found(any_store, "saturday") == []
    await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=3)
    assert await found(any_store, "saturday") == ["hours#0"]


async def test_shelves_of_like_names_do_not_mix(any_store: Store) -> None:
    one = Shelf(TenantId("a__b"), AgentId("c"))
    other = Shelf(TenantId("a"), AgentId("b__c"))
    await any_store.index(one, HOURS, "1", [OPEN], sequence=1)
    assert await any_store.search(other, "saturday", 4) == []
    assert len(await any_store.search(one, "saturday", 4)) == 1


async def test_the_position_is_remembered_and_another_log_begins_anew(any_store: Store) -> None:
    assert await any_store.resume("log") == 0
    await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=7)
    await any_store.advance("log", 7)
    assert await any_store.resume("log") == 7
    assert await found(any_store, "saturday") == ["hours#0"]
    assert await any_store.resume("another log") == 0
    assert await found(any_store, "saturday") == []


async def test_a_document_without_words_holds_nothing(any_store: Store) -> None:
    assert await any_store.index(SHELF, HOURS, "1", [], sequence=1)
    assert await any_store.index(SHELF, PRICES, "2", [Piece("", "...")], sequence=2)
    assert await found(any_store, "saturday") == []


async def test_a_folder_keeps_what_was_indexed(tmp_path: Path) -> None:
    store = await open_folder(tmp_path, Bm25())
    await store.resume("log")
    await store.index(SHELF, HOURS, "1", [OPEN], sequence=7)
    await store.advance("log", 7)
    await store.close()
    again = await open_folder(tmp_path, Bm25())
    assert await again.resume("log") == 7
    assert await found(again, "saturday") == ["hours#0"]
    await again.close()


async def test_a_folder_in_use_by_another_process_says_so_in_one_sentence(tmp_path: Path) -> None:
    hold = (
        "import sys; from qdrant_client import QdrantClient; "
        "client = QdrantClient(path=sys.argv[1]); print('held', flush=True); input()"
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", hold, str(tmp_path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout
    try:
        assert await holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreLocked, match=r"another process uses the knowledge index"):
            await open_folder(tmp_path, Bm25())
    finally:
        await holder.communicate(b"\n")


async def test_a_server_that_is_away_is_a_failure_worth_trying_again() -> None:
    store = await connect_server("http://127.0.0.1:9", Bm25())
    with pytest.raises(StoreFailed) as failed:
        await store.search(SHELF, "my secret", 4)
    assert failed.value.retryable
    assert "secret" not in str(failed.value)
    await store.close()
