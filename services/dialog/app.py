"""The dialog process: takes claims and hosts their calls."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from contracts.ids import HostId
from contracts.journal import JournalUnavailable, WrongVersion
from infra.agents import Agents, NoSuchAgent
from infra.claims import Claims, Held
from infra.journal import NatsJournal
from infra.nats import Bus
from services.dialog.on_fact import Outside, host_call
from services.dialog.provider import LanguageModel

_log: Final = logging.getLogger("partyline.dialog")
_PAUSE_S: Final = 1.0  # a call that always fails must not be handed round at full speed


@asynccontextmanager
async def serve(
    bus: Bus,
    journal: NatsJournal,
    agents: Agents,
    models: dict[str, LanguageModel],
    *,
    host: HostId,
    room: int = 1_000,
) -> AsyncIterator[None]:
    """Host calls while the context lasts. `models` by name; `room`: calls at a time at most."""
    async with aiohttp.ClientSession() as http, Claims(bus, journal, "dialog", host) as claims:
        outside = Outside(bus, journal, models, http)
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(_take_calls(claims, agents, outside, host, room))
            yield
            taking.cancel()


async def _take_calls(
    claims: Claims, agents: Agents, outside: Outside, host: HostId, room: int
) -> None:
    free = asyncio.Semaphore(room)
    async with asyncio.TaskGroup() as calls:
        while True:
            await free.acquire()
            held = await claims.take()
            hosting = calls.create_task(_host(held, agents, outside, host))
            hosting.add_done_callback(lambda _: free.release())


async def _host(held: Held, agents: Agents, outside: Outside, host: HostId) -> None:
    """Host one call; whatever goes wrong with it concerns no other call."""
    claim = held.claim
    try:
        agent = await agents.get(claim.tenant, claim.agent)
        await host_call(claim.tenant, claim.call, agent, host, outside)
    except WrongVersion:
        _log.info("call %s: another host owns it", claim.call)
        await held.drop()
    except NoSuchAgent as missing:
        _log.error("call %s: %s", claim.call, missing)
        await held.release()
    except JournalUnavailable:
        _log.warning("call %s: the log is away; the call waits for a host", claim.call)
        await held.drop()
    except Exception as failed:  # a fault in one call must not end the process's other calls
        _log.error("call %s: %s; given to another host", claim.call, type(failed).__name__)
        _log.debug("where it failed", exc_info=failed)
        await asyncio.sleep(_PAUSE_S)
        await held.drop()
    else:
        await held.release()
