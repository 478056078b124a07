"""What every store of knowledge must do. A new store joins by one more fixture parameter."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from vendors.places import place_of
from vendors.qdrant import QdrantServer, qdrant_server
from vendors.serving import Refusal

from contracts.ids import AgentId, DocumentId, TenantId
from services.rag.chunk import Piece
from services.rag.embed import Bm25
from services.rag.store import Embedded, Shelf, Store, StoreFailed, StoreLocked
from services.rag.stores.qdrant import connect_server, open_folder

SHELF = Shelf(TenantId("demo"), AgentId("dentist"))
HOURS, PRICES = DocumentId("hours"), DocumentId("prices")
OPEN = Piece("Hours > Saturday", "On Saturday we are open.")
CLOSED = Piece("Hours > Sunday", "On Sunday we are closed.")
CROWN = Piece("Prices", "A crown costs five hundred pounds.")


SPACE = "themes/1"

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")


@pytest.fixture(params=["qdrant folder", "qdrant server"])
async def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        if request.param == "qdrant folder":
            store = await open_folder(tmp_path, Bm25(), SPACE)
        else:
            server = await stack.enter_async_context(qdrant_server())
            store = await connect_server(server.url, Bm25(), SPACE, api_key=server.key)
        stack.push_async_callback(store.close)
        await store.resume("log")
        yield store


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


async def embed(store: Store, document: DocumentId, size: int = 8) -> list[str]:
    """Do what the worker does; the texts that had no vector."""
    lacking = await store.lacking(SHELF, document)
    places = [Embedded(*one, place_of(one.piece.whole, size)) for one in lacking]
    await store.embed(SHELF, document, places)
    return [one.piece.text for one in lacking]


async def meant(store: Store, question: str, limit: int = 4, size: int = 8) -> list[str]:
    meaning = place_of(question, size)
    passages = await store.search(SHELF, question, limit, meaning)
    return [f"{passage.document}#{passage.chunk}" for passage in passages]


async def test_a_passage_is_found_by_its_meaning_where_no_word_is_shared(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    await any_store.index(SHELF, PRICES, "2", [CROWN], sequence=2)
    for document in (HOURS, PRICES):
        await embed(any_store, document)
    assert await found(any_store, "how expensive is an implant") == []
    assert await meant(any_store, "how expensive is an implant") == ["prices#0"]


async def test_what_is_near_in_words_and_meaning_comes_before_what_is_near_in_one(
    any_store: Store,
) -> None:
    loud = Piece("Noise", "The fountain of the garden is loud.")
    water = Piece("Prices", "The water in the fountain has a price.")
    await any_store.index(SHELF, HOURS, "1", [loud, water, CROWN], sequence=1)
    await embed(any_store, HOURS)
    assert (await meant(any_store, "how expensive is the fountain"))[0] == "hours#1"


async def test_what_is_far_in_meaning_is_not_found(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    await embed(any_store, HOURS)
    assert await meant(any_store, "elephants") == []
    assert await meant(any_store, "where do I leave my vehicle") == []


async def test_before_its_vectors_are_there_a_piece_is_found_by_words(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    assert await meant(any_store, "saturday") == ["hours#0"]
    await embed(any_store, HOURS)
    await any_store.index(SHELF, PRICES, "2", [CROWN], sequence=2)
    assert await meant(any_store, "crowns") == ["prices#0"]


async def test_only_pieces_without_a_vector_lack_one(any_store: Store) -> None:
    assert await embed(any_store, HOURS) == []  # it is not there
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    assert await embed(any_store, HOURS) == [OPEN.text, CLOSED.text]
    assert await embed(any_store, HOURS) == []
    await any_store.index(SHELF, HOURS, "2", [CROWN, CLOSED], sequence=2)
    assert await embed(any_store, HOURS) == [CROWN.text, CLOSED.text]


async def test_a_long_document_lacks_all_of_its_vectors(any_store: Store) -> None:
    pieces = [Piece("Rooms", f"Room {number}.") for number in range(65)]
    await any_store.index(SHELF, HOURS, "1", pieces, sequence=1)
    assert await embed(any_store, HOURS) == [piece.text for piece in pieces]
    assert await embed(any_store, HOURS) == []


async def test_a_vector_of_a_text_that_was_replaced_meanwhile_is_not_kept(any_store: Store) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN, CLOSED], sequence=1)
    old = [Embedded(*one, place_of("park")) for one in await any_store.lacking(SHELF, HOURS)]
    await any_store.index(SHELF, HOURS, "2", [CROWN, CLOSED], sequence=2)
    await any_store.embed(SHELF, HOURS, old)
    assert await embed(any_store, HOURS) == [CROWN.text]  # the other piece is the same as before


async def test_vectors_of_a_document_that_was_withdrawn_meanwhile_go_nowhere(
    any_store: Store,
) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=1)
    old = [Embedded(*one, place_of("open")) for one in await any_store.lacking(SHELF, HOURS)]
    await any_store.withdraw(SHELF, HOURS, sequence=2)
    await any_store.embed(SHELF, HOURS, old)
    assert await meant(any_store, "saturday") == []


async def test_a_question_whose_vector_has_another_length_is_searched_by_words(
    any_store: Store,
) -> None:
    await any_store.index(SHELF, HOURS, "1", [OPEN], sequence=1)
    await embed(any_store, HOURS)
    assert await meant(any_store, "saturday", size=9) == ["hours#0"]
    await any_store.index(SHELF, PRICES, "2", [CROWN], sequence=2)
    with pytest.raises(StoreFailed, match="another length") as failed:
        await embed(any_store, PRICES, size=9)
    assert not failed.value.retryable


async def test_another_embedding_begins_anew_and_is_never_compared_with_the_old(
    tmp_path: Path,
) -> None:
    for space in (SPACE, "themes/2", SPACE, ""):
        store = await open_folder(tmp_path, Bm25(), space)
        first = not await store.resume("log")
        await store.index(SHELF, PRICES, "1", [CROWN], sequence=7)
        if space:
            assert (await meant(store, "how expensive is an implant") == []) == first
            assert await embed(store, PRICES) == ([CROWN.text] if first else [])
            assert await meant(store, "how expensive is an implant") == ["prices#0"]
        assert await found(store, "crown") == ["prices#0"]
        await store.advance("log", 7)
        await store.close()


async def test_another_log_takes_the_positions_of_all_embeddings_with_it(tmp_path: Path) -> None:
    for space in (SPACE, ""):
        store = await open_folder(tmp_path, Bm25(), space)
        await store.resume("log")
        await store.advance("log", 7)
        await store.close()
    store = await open_folder(tmp_path, Bm25())
    assert await store.resume("another log") == 0
    await store.close()
    again = await open_folder(tmp_path, Bm25(), SPACE)
    assert await again.resume("another log") == 0
    await again.close()


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


async def refused_by(server: QdrantServer, key: str) -> StoreFailed:
    store = await connect_server(server.url, Bm25(), api_key=key)
    with pytest.raises(StoreFailed) as failed:
        await store.search(SHELF, "my secret", 4)
    await store.close()
    assert "secret" not in str(failed.value)
    return failed.value


async def test_a_server_takes_the_right_key_alone() -> None:
    async with qdrant_server() as server:
        assert not (await refused_by(server, "wrong")).retryable
        assert server.violations == ["api-key"]
        server.violations.clear()


async def test_a_server_that_is_overloaded_is_a_failure_worth_trying_again() -> None:
    async with qdrant_server() as server:
        server.refusal = Refusal(503, {"status": {"error": "about your secret"}})
        assert (await refused_by(server, server.key)).retryable


async def test_a_search_on_a_server_is_one_request_once_the_collection_is_known() -> None:
    async with qdrant_server() as server:
        store = await connect_server(server.url, Bm25(), SPACE, api_key=server.key)
        await store.resume("log")
        await store.index(SHELF, PRICES, "1", [CROWN], sequence=1)
        await embed(store, PRICES)
        await meant(store, "crown")
        server.asked.clear()
        assert await meant(store, "how expensive is an implant") == ["prices#0"]
        assert server.asked == ["POST /collections/knowledge.demo.dentist/points/query"]
        await store.close()
