"""Workers that are killed or told to stop: each question is answered once, and soon."""

import signal

from acknowledged import all_acknowledged
from rag_town import Town, example_documents

from contracts.agent import Limits
from contracts.passages import PassagesFound
from services.rag.app import DURABLE, Settings
from services.rag.store import Store

QUESTION = "can i pay by card"
NEVER_S = 600.0  # nobody is given what is only left to itself within a test


async def test_a_question_whose_worker_is_killed_while_it_searches_is_answered_once(
    town: Town, store: Store
) -> None:
    await publish(town)
    async with town.worker_process(hangs="search") as worker:
        call = await town.wonder(QUESTION)
        await worker.there()
        worker.process.kill()
        await worker.process.wait()
    async with town.rag(store):
        assert best(await town.answer(call)) == "prices"
        await all_acknowledged(town.bus.js, DURABLE)
    assert len(await town.answers(call)) == 1


async def test_a_worker_killed_between_answer_and_acknowledgement_leaves_one_answer(
    town: Town, store: Store
) -> None:
    await publish(town)
    async with town.worker_process(hangs="acknowledge") as worker:
        call = await town.wonder(QUESTION)
        await worker.there()
        worker.process.kill()
        await worker.process.wait()
    async with town.rag(store) as rag:
        await all_acknowledged(town.bus.js, DURABLE)
        assert rag.counts.found == 1  # it was delivered, and answered, again
    assert len(await town.answers(call)) == 1


async def test_a_worker_that_is_paused_and_comes_back_changes_no_answer(
    town: Town, store: Store
) -> None:
    await publish(town)
    async with town.worker_process() as worker, town.rag(store):
        worker.process.send_signal(signal.SIGSTOP)
        calls = [await town.wonder(QUESTION) for _ in range(20)]  # about half of them go to it
        answers = [await town.answer(call) for call in calls]
        worker.process.send_signal(signal.SIGCONT)
        await all_acknowledged(town.bus.js, DURABLE)
        worker.process.terminate()
        assert await worker.process.wait() == 0
    assert {best(answer) for answer in answers} == {"prices"}
    assert [len(await town.answers(call)) for call in calls] == [1] * len(calls)


async def test_a_worker_told_to_stop_hands_over_at_once_what_it_cannot_finish(
    town: Town, store: Store
) -> None:
    await publish(town)
    async with town.worker_process(hangs="search", redeliver_s=NEVER_S, grace_s=0.1) as worker:
        call = await town.wonder(QUESTION)
        await worker.there()
        async with town.rag(store, redeliver_s=NEVER_S):
            worker.process.terminate()
            assert await worker.process.wait() == 0
            assert best(await town.answer(call)) == "prices"
            await all_acknowledged(town.bus.js, DURABLE)


async def test_what_is_delivered_to_a_worker_told_to_stop_is_left_to_nobody(
    town: Town, store: Store
) -> None:
    await publish(town)
    async with (
        town.worker_process(redeliver_s=NEVER_S) as worker,
        town.rag(store, redeliver_s=NEVER_S),
    ):
        worker.process.send_signal(signal.SIGSTOP)  # about half of them wait for it
        long = QUESTION + " " * 4000  # so that no single read brings them all
        calls = [await town.wonder(long) for _ in range(150)]
        worker.process.terminate()
        worker.process.send_signal(signal.SIGCONT)
        assert await worker.process.wait() == 0
        await all_acknowledged(town.bus.js, DURABLE)
    assert [len(await town.answers(call)) for call in calls] == [1] * len(calls)


def test_two_workers_may_die_over_a_question_and_its_answer_is_still_in_time() -> None:
    assert 2 * Settings().redeliver_s * 1000 < Limits().passages_ms


async def publish(town: Town) -> None:
    for document in example_documents():
        await town.publish(document)


def best(answer: object) -> str:
    assert isinstance(answer, PassagesFound)
    return answer.passages[0].document
