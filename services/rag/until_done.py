"""Work on the store and with the embedding that must not be given up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from services.rag.provider import EmbeddingFailed
from services.rag.store import StoreFailed

_log: Final = logging.getLogger("partyline.rag")
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 5.0
_SETTLED_BY_PEOPLE: Final = frozenset({"unauthorized", "quota"})  # and then the same succeeds


async def until_done(work: Callable[[], Awaitable[None]], waiting: str) -> None:
    """Try until it is done: to go on without would lose a document for good.

    `waiting` says what waits, in the log. Raises what trying again does not change.
    """
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return await work()
        except (StoreFailed, EmbeddingFailed) as failed:
            if not failed.retryable and failed.kind not in _SETTLED_BY_PEOPLE:
                raise
            _log.warning("%s: %s", waiting, failed.kind)
            again_s = getattr(failed, "retry_after_s", None) or 0.0
        await asyncio.sleep(max(wait_s, again_s))
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
