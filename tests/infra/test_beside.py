"""Work beside a block."""

import asyncio

import pytest

from infra.beside import beside


async def _for_ever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("work")


async def _fails() -> None:
    await asyncio.sleep(0)
    raise OSError("the disk is full")


async def test_the_work_ends_with_the_block() -> None:
    ended: list[str] = []
    async with beside(_for_ever(ended)):
        await asyncio.sleep(0)
    assert ended == ["work"]


async def test_what_the_block_raises_passes_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with beside(_for_ever([])):
            raise KeyError("x")


async def test_work_that_fails_ends_the_block_with_its_failure() -> None:
    with pytest.raises(OSError, match="disk"):
        async with beside(_fails()):
            await asyncio.Event().wait()


async def test_a_cancelled_block_stays_cancelled() -> None:
    entered = asyncio.Event()

    async def block() -> None:
        async with beside(_for_ever([])):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
