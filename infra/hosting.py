"""Calls hosted by claim: as many at a time as there is room for, none disturbing another."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from contracts.journal import JournalUnavailable, WrongVersion
from infra.agents import NoSuchAgent
from infra.cancelling import end_tasks
from infra.claims import Claims, Held

_log: Final = logging.getLogger("partyline.hosting")
_AFTER_A_FAULT_S: Final = 1.0  # before a call that failed here is given to another host


async def host_calls(claims: Claims, room: int, host: Callable[[Held], Awaitable[None]]) -> None:
    """Take claims for ever, and let `host` see each call to its end.

    A call whose hosting ends is released; one that failed, or that is still hosted when this is
    cancelled, goes to another host.
    """
    free = asyncio.Semaphore(room)
    hosting: set[asyncio.Task[None]] = set()

    def ended(task: asyncio.Task[None]) -> None:
        hosting.discard(task)
        free.release()

    try:
        while True:
            await free.acquire()
            task = asyncio.create_task(_host(await claims.take(), host))
            hosting.add(task)
            task.add_done_callback(ended)
    finally:
        await end_tasks(set(hosting))


async def _host(held: Held, host: Callable[[Held], Awaitable[None]]) -> None:
    call = held.claim.call
    try:
        await host(held)
    except WrongVersion:
        _log.info("call %s: another host owns it", call)
        await held.drop()
    except NoSuchAgent as missing:
        _log.error("call %s: %s", call, missing)
        await held.release()
    except asyncio.CancelledError:
        await held.drop()
        raise
    except JournalUnavailable:
        _log.warning("call %s: the log is away; the call waits for a host", call)
        await held.drop()
    except Exception as failed:  # a fault in one call must not end the process's other calls
        _log.error("call %s: %s; given to another host", call, type(failed).__name__)
        _log.debug("where it failed", exc_info=failed)
        await asyncio.sleep(_AFTER_A_FAULT_S)
        await held.drop()
    else:
        await held.release()
