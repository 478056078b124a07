"""An embedded stack on a loop of its own, so that it is watched over whatever loop a test is on."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from infra.embedded import Addresses, embedded


@contextmanager
def stack_in_a_thread(data: Path, nats_nodes: Literal[1, 3] = 1) -> Iterator[Addresses]:
    """Run it during the block."""
    started: Future[tuple[Addresses, Callable[[], object]]] = Future()

    async def hold() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        async with embedded(data, nats_nodes=nats_nodes) as addresses:
            started.set_result((addresses, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(hold())
        except BaseException as failure:
            if started.done():
                raise
            started.set_exception(failure)

    thread = threading.Thread(target=run, name="embedded stack")
    thread.start()
    addresses, stop = started.result(timeout=90)
    try:
        yield addresses
    finally:
        stop()
        thread.join(timeout=30)
