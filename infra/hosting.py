"""Calls hosted by claim: as many at a time as there is room for, none disturbing another."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from contracts.journal import JournalUnavailable, WrongVersion
from infra.agents import NoSuchAgent
from infra.beside import beside
from infra.cancelling import end_tasks
from infra.claims import Claims, Held, TakesNoMore

_log: Final = logging.getLogger("partyline.hosting")
_AFTER_A_FAULT_S: Final = 1.0  # before a call that failed here is given to another host

Host = Callable[[Held], Awaitable[bool]]
"""Sees a call to its end. False: it left the call at a quiet moment, because `leave` was set."""


class Drain(NamedTuple):
    """How a host goes."""

    finish_s: float = 0.0  # the calls may first go on to their end for so long
    quiet_s: float = 0.0  # then each is left at its next quiet moment, after so long at any


AT_ONCE: Final = Drain()  # where nobody is left to take the calls


@asynccontextmanager
async def hosting(
    claims: Claims, room: int, host: Host, drain: Drain = AT_ONCE
) -> AsyncIterator[None]:
    """Take claims while the context lasts, and let `host` see each call to its end.

    A call whose hosting ends is released. One that failed, or that is still hosted when the context
    has been left by way of `drain`, goes to another host.
    """
    calls = _Calls(claims, room, host)
    try:
        async with beside(calls.take()):
            try:
                yield
            finally:
                await calls.leave(drain)
    finally:
        await calls.end()


class _Calls:
    def __init__(self, claims: Claims, room: int, host: Host) -> None:
        self._claims, self._host = claims, host
        self._free = asyncio.Semaphore(room)
        self._hosting: dict[asyncio.Task[None], Held] = {}
        self._not_taking = asyncio.Event()  # no claim may be on its way here
        self._not_taking.set()

    async def take(self) -> None:
        """Until told to leave."""
        with contextlib.suppress(TakesNoMore):
            while True:
                await self._free.acquire()
                held = await self._next()
                task = asyncio.create_task(self._see_through(held))
                self._hosting[task] = held
                task.add_done_callback(self._ended)

    async def _next(self) -> Held:
        self._not_taking.clear()
        try:
            return await self._claims.next()
        finally:
            self._not_taking.set()

    async def _see_through(self, held: Held) -> None:
        if await self._claims.accept(held):
            await _see_through(held, self._host)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._hosting[task]
        self._free.release()

    async def leave(self, drain: Drain) -> None:
        """Take no more claims, and let go of what is hosted as soon as it can be."""
        self._claims.take_no_more()
        await self._wait(drain.finish_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain.quiet_s):
                await self._not_taking.wait()
        for held in self._hosting.values():
            held.leave.set()
        await self._wait(drain.quiet_s)

    async def end(self) -> None:
        """Let go of what is still hosted."""
        await end_tasks(set(self._hosting))

    async def _wait(self, most_s: float) -> None:
        if self._hosting and most_s:
            await asyncio.wait(set(self._hosting), timeout=most_s)


async def _see_through(held: Held, host: Host) -> None:
    call = held.claim.call
    try:
        async with beside(held.until_lost()):
            over = await host(held)
    except WrongVersion:
        _log.info("call %s: another host owns it", call)
        held.leave_alone()
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
        await (held.release() if over else held.drop())
