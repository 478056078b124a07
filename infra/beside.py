"""Work that goes on beside a block."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from infra.cancelling import end_tasks


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` while the block lasts, and cancel it after.

    Should it fail, the block is cancelled and the failure raised in its place. What the block
    raises itself passes as it is, never in an ExceptionGroup as from a TaskGroup.
    """
    block, task = asyncio.current_task(), asyncio.create_task(work)
    assert block is not None
    task.add_done_callback(lambda done: _failure(done) and block.cancel())
    try:
        yield
    except asyncio.CancelledError:
        failure = _failure(task) if task.done() else None
        if failure is None or block.uncancel() > 0:
            raise
        raise failure from None
    finally:
        await end_tasks([task])


def _failure(task: "asyncio.Task[None]") -> BaseException | None:
    return None if task.cancelled() else task.exception()
