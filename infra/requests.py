"""Requests on the bus, answered side by side."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from nats.aio.msg import Msg

from infra.cancelling import end_tasks
from infra.nats import Bus


@asynccontextmanager
async def answering(
    bus: Bus, subject: str, queue: str, answer: Callable[[Msg], Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """Give `answer` each request during the block; at its end what is under way is let go of.

    Args:   queue: each request goes to one of those who answer with the same.
            answer: raises nothing; a request that it leaves unanswered is the asker's to repeat.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def on_request(request: Msg) -> None:
        task = asyncio.create_task(answer(request))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    subscription = await bus.nc.subscribe(subject, queue=queue, cb=on_request)
    try:
        yield
    finally:
        if not bus.nc.is_closed:
            await subscription.unsubscribe()
        await end_tasks(tasks)
