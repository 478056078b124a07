"""A start that waits for servers which are there but do not answer yet."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, TypeVar

import nats.errors
from nats.js.errors import APIError

from contracts.journal import JournalUnavailable
from infra.nats import BusUnavailable

_log: Final = logging.getLogger("partyline")
_WITHIN_S: Final = 60.0  # two elections, one after the other, on a busy machine
_AGAIN_S: Final = 0.5
_NOT_YET: Final = (JournalUnavailable, TimeoutError, nats.errors.Error, APIError)
Entered = TypeVar("Entered")


async def patiently(
    stack: AsyncExitStack, start: Callable[[], AbstractAsyncContextManager[Entered]]
) -> Entered:
    """Enter what `start` makes; while NATS elects a leader, try again for a minute.

    Raises: BusUnavailable, and whatever else the start fails with.
    """
    deadline_s = time.monotonic() + _WITHIN_S
    while True:
        try:
            return await stack.enter_async_context(start())
        except _NOT_YET as refused:
            kind = type(refused).__name__
            if time.monotonic() >= deadline_s:
                raise BusUnavailable(f"NATS is there but takes no work: {kind}") from None
            _log.warning("the start waits for NATS: %s", kind)
            await asyncio.sleep(_AGAIN_S)
