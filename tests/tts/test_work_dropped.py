"""A sentence that is cut off while it is spoken: who cancelled the task that speaks it."""

import asyncio
from collections.abc import Callable

import pytest
from exchange import sentence

from services.tts.lines import Work


@pytest.mark.parametrize("times", [1, 2])
async def test_a_task_whose_sentence_is_dropped_goes_on(times: int) -> None:
    """Of one interruption a worker hears twice: by the log's live word and by its own delivery."""

    def cut_off(work: Work, task: asyncio.Task[bool]) -> None:
        for _ in range(times):
            work.drop()

    assert await _speaking(cut_off)


async def test_a_task_that_its_worker_ends_as_well_does_not() -> None:
    def end(work: Work, task: asyncio.Task[bool]) -> None:
        work.drop()
        task.cancel()

    assert not await _speaking(end)


async def test_nor_does_one_that_its_worker_ends_alone() -> None:
    assert not await _speaking(lambda work, task: task.cancel() and None)


async def _speaking(happens: Callable[[Work, asyncio.Task[bool]], None]) -> bool:
    """Whether the task finds out that nobody wants it to end."""
    work = Work(1, sentence(), 1)

    async def speak() -> bool:
        work.speaking = asyncio.current_task()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return work.taken_back()
        return False

    task = asyncio.create_task(speak())
    await asyncio.sleep(0)
    happens(work, task)
    return await task
