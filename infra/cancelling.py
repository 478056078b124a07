"""Cancellation that arrives."""

import asyncio


def stop_if_cancelled() -> None:
    """Raise CancelledError when this task was cancelled and nobody noticed.

    asyncio.wait_for, on which nats-py waits, may swallow a cancellation on Python below 3.12
    (https://github.com/python/cpython/issues/86296): a loop around it has to ask.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
