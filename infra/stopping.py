"""Ctrl-C and SIGTERM as a request to stop, not as an error."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def until_signalled() -> Iterator[None]:
    """Cancel the block at the first Ctrl-C or SIGTERM, let it clean up, and go on after it.

    Further signals change nothing: cleaning up is bounded in time, and cutting it short could cost
    data. For the main thread, inside a running event loop.
    """
    loop, block, asked = asyncio.get_running_loop(), asyncio.current_task(), False
    assert block is not None

    def stop() -> None:
        nonlocal asked
        if not asked:
            asked = True
            block.cancel()

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not asked or block.uncancel() > 0:
            raise
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
