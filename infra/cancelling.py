"""Cancellation that arrives."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_AGAIN_S: Final = 0.2


def stop_if_cancelled() -> None:
    """Raise CancelledError when this task was cancelled and nobody noticed.

    asyncio.wait_for, on which nats-py waits, may swallow a cancellation on Python below 3.12
    (https://github.com/python/cpython/issues/86296): a loop around it has to ask.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end_tasks(tasks: "Iterable[asyncio.Task[Any]]") -> None:
    """Cancel tasks until they have ended, as often as it takes; their failures are the caller's."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
