"""The recognition process: takes claims and hosts their calls."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from contracts.ids import HostId
from contracts.journal import JournalUnavailable, WrongVersion
from infra.agents import Agents, NoSuchAgent
from infra.claims import Claims, Held
from infra.journal import NatsJournal
from infra.nats import Bus
from services.stt.absent import Absent
from services.stt.on_audio import host_call
from services.stt.provider import SpeechToText

_log: Final = logging.getLogger("partyline.stt")
_AFTER_A_FAULT_S: Final = 1.0  # before a call that failed here is given to another host


@asynccontextmanager
async def serve(
    bus: Bus,
    journal: NatsJournal,
    agents: Agents,
    providers: Mapping[str, SpeechToText],
    *,
    host: HostId,
    room: int = 1_000,
) -> AsyncIterator[None]:
    """Host calls while the context lasts; the calls still hosted at its end go to other hosts.

    Args: providers: recognisers by name, closed by the caller; room: calls at a time at most.
    """
    process = _Process(bus, journal, agents, providers, host)
    async with Claims(bus, journal, "stt", host) as claims, asyncio.TaskGroup() as group:
        taking = group.create_task(process.take_calls(claims, room))
        yield
        taking.cancel()


class _Process:
    def __init__(
        self,
        bus: Bus,
        journal: NatsJournal,
        agents: Agents,
        providers: Mapping[str, SpeechToText],
        host: HostId,
    ) -> None:
        self._bus, self._journal, self._agents = bus, journal, agents
        self._providers, self._host = providers, host

    async def take_calls(self, claims: Claims, room: int) -> None:
        free = asyncio.Semaphore(room)
        async with asyncio.TaskGroup() as calls:
            while True:
                await free.acquire()
                held = await claims.take()
                hosting = calls.create_task(self._host_claim(held))
                hosting.add_done_callback(lambda _: free.release())

    async def _host_claim(self, held: Held) -> None:
        """Host one call; whatever goes wrong with it concerns no other call."""
        call = held.claim.call
        try:
            await self._host_call(held)
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

    async def _host_call(self, held: Held) -> None:
        claim = held.claim
        agent = await self._agents.get(claim.tenant, claim.agent)
        name = agent.stt.provider
        ears = self._providers.get(name) or Absent(name)
        await host_call(self._bus, self._journal, claim, agent, self._host, ears)
