"""Documents and questions over a real nats-server, to passages on the call."""

import asyncio

import nats.errors
import pytest
from acknowledged import all_acknowledged
from eventually import eventually_async
from rag_town import TENANT, Town, example_documents, markdown, now_ms, opened

from contracts.ids import AgentId, TenantId, new_call_id
from contracts.passages import PassagesFailed, PassagesFound
from contracts.streams import call_subject, knowledge_subject, question_subject
from infra.nats_server import NatsServer
from services.rag.app import DURABLE, Rag
from services.rag.store import Shelf, Store, StoreFailed

QUESTIONS = {
    "when are you open on saturday": "opening-hours#1",
    "are you open on sunday": "opening-hours#2",
    "what are your opening hours": "opening-hours#0",
    "how much does a check up cost": "prices#0",
    "what does a crown cost": "prices#2",
    "can i pay by card": "prices#3",
    "what should i do about tooth pain": "emergencies#0",
    "sorry stop please where can i park my car": "parking-and-directions#0",
    "how do i get there by bus": "parking-and-directions#1",
    "do you also treat small children": "about-the-practice#1",
    "i have to cancel my appointment": "about-the-practice#2",
}


async def publish_example(town: Town, rag: Rag) -> None:
    for document in example_documents():
        sequence = await town.publish(document)
    await rag.indexed(sequence)


def sources(answer: object) -> list[str]:
    assert isinstance(answer, PassagesFound)
    return [f"{passage.document}#{passage.chunk}" for passage in answer.passages]


async def test_each_question_of_the_example_is_answered_from_the_right_place(
    town: Town, store: Store
) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        first = {question: sources(await town.ask(question))[0] for question in QUESTIONS}
    assert first == QUESTIONS


@pytest.mark.parametrize("question", ["do you have a football pitch", "who are you", ""])
async def test_a_question_about_nothing_in_the_knowledge_finds_no_passages(
    town: Town, store: Store, question: str
) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        assert sources(await town.ask(question)) == []


async def test_an_answer_names_its_turn_its_headings_and_the_time_it_took(
    town: Town, store: Store
) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        answer = await town.ask("when are you open on saturday")
    assert isinstance(answer, PassagesFound)
    assert answer.turn == 1
    assert answer.took_ms > 0
    best = answer.passages[0]
    assert best.title == "Opening hours > Saturday"
    assert best.text.startswith("On Saturday we are open from nine")
    assert best.score > 0


async def test_an_agent_without_knowledge_answers_with_nothing(town: Town, store: Store) -> None:
    async with town.rag(store):
        assert sources(await town.ask("when are you open")) == []


async def test_adding_the_same_document_again_changes_nothing(town: Town, store: Store) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        before = await town.ask("when are you open on saturday")
        await publish_example(town, rag)
        after = await town.ask("when are you open on saturday")
        assert rag.counts.indexed == len(example_documents())
    assert isinstance(before, PassagesFound)
    assert isinstance(after, PassagesFound)
    assert before.passages == after.passages


async def test_a_new_version_replaces_the_old_passages(town: Town, store: Store) -> None:
    async with town.rag(store) as rag:
        await town.publish(markdown("hours", "# Hours\n\n## Monday\n\nNoon.\n\n## Tuesday\n\nOne."))
        await rag.indexed(await town.publish(markdown("hours", "# Hours\n\nOpen on Wednesday.")))
        assert sources(await town.ask("open on wednesday")) == ["hours#0"]
        assert sources(await town.ask("open on tuesday")) == ["hours#0"]  # by 'open' alone
        assert sources(await town.ask("tuesday")) == []


async def test_a_withdrawn_document_is_not_answered_from(town: Town, store: Store) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        await rag.indexed(await town.withdraw("prices"))
        assert sources(await town.ask("what does a crown cost")) == ["emergencies#1"]
        assert rag.counts.withdrawn == 1


async def test_tenants_and_agents_know_nothing_of_each_other(town: Town, store: Store) -> None:
    async with town.rag(store) as rag:
        secret = markdown("secret", "# Secret\n\nThe treasure lies in the garden.")
        await rag.indexed(await town.publish(secret, TenantId("other")))
        assert sources(await town.ask("where is the treasure")) == []


async def test_a_new_empty_store_is_filled_from_the_stream(town: Town) -> None:
    async with opened(town, "first") as store, town.rag(store) as rag:
        await publish_example(town, rag)
    async with opened(town, "second") as empty, town.rag(empty):
        assert sources(await town.ask("when are you open on saturday"))[0] == "opening-hours#1"


async def test_a_restarted_worker_reads_only_what_is_new(town: Town) -> None:
    async with opened(town, "index") as store, town.rag(store) as rag:
        await publish_example(town, rag)
    await town.publish(markdown("holiday", "# Holiday\n\nWe are away in August."))
    async with opened(town, "index") as store, town.rag(store) as rag:
        assert rag.counts.indexed == 1
        assert sources(await town.ask("what about august")) == ["holiday#0"]
        assert sources(await town.ask("what does a crown cost"))[0] == "prices#2"


async def test_a_store_filled_from_another_stream_is_emptied_first(
    town: Town, store: Store
) -> None:
    old = Shelf(TENANT, AgentId("dentist"))
    await store.resume("another stream")
    async with town.rag(store):
        assert await store.search(old, "anything", 4) == []
        assert sources(await town.ask("when are you open")) == []


async def test_a_document_that_cannot_be_read_is_skipped_and_counted(
    town: Town, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    subject = knowledge_subject(TENANT, AgentId("dentist"), markdown("x", "").document)
    async with town.rag(store) as rag:
        await town.bus.js.publish(subject, b"{what a mess")
        await town.bus.js.publish(subject, b'{"type":"document.burnt/1","at_ms":0}')
        await publish_example(town, rag)
        assert rag.counts.skipped == 2
        assert sources(await town.ask("can i pay by card")) == ["prices#3"]
    assert "a mess" not in caplog.text
    assert caplog.text.count("skipped") == 2


async def test_a_question_no_contract_covers_is_given_up_and_stops_no_other(
    town: Town, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    subject = call_subject(TENANT, new_call_id(), "dialog")
    broken = b'{"by":"d","events":[{"type":"dialog.passages_wanted/9","question":"my secret"}]}'
    async with town.rag(store, redeliver_s=0.5) as rag:
        await publish_example(town, rag)
        await town.bus.js.publish(subject, broken)
        await town.bus.js.publish(subject, b"not even JSON")
        assert sources(await town.ask("can i pay by card")) == ["prices#3"]
        await all_acknowledged(town.bus.js, DURABLE)
        assert rag.counts.unreadable == 1
    assert "secret" not in caplog.text


async def test_a_question_nobody_waits_for_any_more_is_left_alone(town: Town, store: Store) -> None:
    async with town.rag(store) as rag:
        late = await town.wonder("can i pay by card", at_ms=now_ms() - 31_000)
        await all_acknowledged(town.bus.js, DURABLE)
        assert await town.answers(late) == []
        assert rag.counts.stale == 1


async def test_a_question_asked_while_no_worker_ran_is_answered(town: Town) -> None:
    async with opened(town, "index") as store, town.rag(store) as rag:
        await publish_example(town, rag)
    call = await town.wonder("can i pay by card")
    async with opened(town, "index") as store, town.rag(store):
        assert sources(await town.answer(call)) == ["prices#3"]


class Choking:
    """A store that breaks on one document."""

    def __init__(self, store: Store) -> None:
        self._index, self.resume, self.advance = store.index, store.resume, store.advance
        self.search, self.withdraw, self.close = store.search, store.withdraw, store.close

    async def index(self, shelf: Shelf, document: str, *args: object, **kwargs: object) -> bool:
        if document == "bone":
            raise KeyError("my secret")
        return await self._index(shelf, document, *args, **kwargs)  # type: ignore[arg-type]


async def test_a_document_that_breaks_the_store_is_skipped_and_the_next_comes_in(
    town: Town, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with town.rag(Choking(store)) as rag:
        await town.publish(markdown("bone", "# Bone"))
        await publish_example(town, rag)
        assert rag.counts.skipped == 1
        assert sources(await town.ask("can i pay by card")) == ["prices#3"]
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


class Failing:
    """A store whose searches fail, as when its server is away."""

    def __init__(self, store: Store) -> None:
        self.resume, self.advance, self.index = store.resume, store.advance, store.index
        self.withdraw, self.close = store.withdraw, store.close

    async def search(self, shelf: Shelf, *asked: object) -> list[object]:
        raise StoreFailed("ConnectError", retryable=True)


async def test_a_search_that_fails_is_told_to_the_dialog_at_once(
    town: Town, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with town.rag(Failing(store)) as rag:  # type: ignore[arg-type]
        answer = await town.ask("my secret question")
        assert isinstance(answer, PassagesFailed)
        assert (answer.turn, answer.kind) == (1, "ConnectError")
        assert rag.counts.failed == 1
    assert "secret" not in caplog.text


async def test_many_callers_ask_at_once_and_each_gets_one_answer(town: Town, store: Store) -> None:
    async with town.rag(store, at_once=16) as rag:
        await publish_example(town, rag)
        calls = await asyncio.gather(*(town.wonder("can i pay by card") for _ in range(100)))
        await all_acknowledged(town.bus.js, DURABLE)
        answered = [len(await town.answers(call)) for call in calls]
        assert answered == [1] * 100
        assert rag.counts.found >= 100  # one that took long was asked again, and stored once
        assert rag.counts.failed == 0


async def test_two_workers_share_the_questions(town: Town) -> None:
    async with opened(town, "one") as first, opened(town, "two") as second:
        async with town.rag(first) as one, town.rag(second) as two:
            await publish_example(town, one)
            calls = await asyncio.gather(*(town.wonder("can i pay by card") for _ in range(60)))
            await all_acknowledged(town.bus.js, DURABLE)
            assert [len(await town.answers(call)) for call in calls] == [1] * 60
            assert one.counts.found > 0
            assert two.counts.found > 0
            # One that took long was asked of the other, too, and stored once.
            assert one.counts.found + two.counts.found >= 60


async def test_the_server_may_restart_under_the_worker(
    town: Town, store: Store, server: NatsServer
) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        await server.stop()
        await server.start()
        await eventually_async(lambda: connected(town))
        await rag.indexed(
            await town.publish(markdown("holiday", "# Holiday\n\nWe are away in August."))
        )
        assert sources(await town.ask("what about august")) == ["holiday#0"]


async def connected(town: Town) -> bool:
    return town.bus.connected


async def test_a_question_asked_ahead_has_the_passages_of_one_in_the_log_and_leaves_no_word(
    town: Town, store: Store
) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        call = new_call_id()
        ahead = await town.ask_ahead("when are you open on saturday", call)
        assert await town.answers(call) == []
        stored = await town.ask("when are you open on saturday")
    assert isinstance(ahead, PassagesFound)
    assert isinstance(stored, PassagesFound)
    assert ahead.passages == stored.passages


async def test_a_question_asked_ahead_that_cannot_be_read_harms_no_other(
    town: Town, store: Store
) -> None:
    async with town.rag(store) as rag:
        await publish_example(town, rag)
        await town.bus.nc.publish(question_subject(TENANT, new_call_id()), b"nonsense", reply="x")
        assert await town.ask_ahead("when are you open on saturday", new_call_id())


async def test_a_worker_without_room_leaves_a_question_asked_ahead_alone(
    town: Town, store: Store
) -> None:
    async with town.rag(store, at_once=0):
        with pytest.raises(nats.errors.TimeoutError):
            await town.ask_ahead("when are you open", new_call_id(), within_s=0.2)
