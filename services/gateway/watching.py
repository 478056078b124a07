"""A line is watched from ring to end, by a process that need not hold it and may die as well.

Whoever has the call's claim of the role `line` follows the line's family. All times are counted
from what is recorded, so that the next one who watches comes to the same deadlines.
"""

import asyncio
import logging
from typing import Final, Literal, NamedTuple

from contracts.claim import Claim
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.line import EndReason
from infra.claims import Held
from infra.live import Following, follow
from services.gateway.amending import amend, ended, lost
from services.gateway.calling_back import CallGone, NotCalledBack
from services.gateway.clock import now_ms
from services.gateway.gateway import Gateway
from services.gateway.inviting import after_url
from services.gateway.settings import GatewaySettings
from services.gateway.standing import UNKNOWN, Standing, fold

_log: Final = logging.getLogger("partyline.gateway")
_AGAIN_S: Final = 1.0  # after the log was away, and before a line is left to others


class Owed(NamedTuple):
    """What is to be done about a line, and when."""

    at_ms: int
    what: Literal["end", "call_back"]
    reason: EndReason = "line_lost"


def owed(standing: Standing, settings: GatewaySettings, *, may_call_back: bool) -> Owed | None:
    """The next thing that falls due if nothing happens. None: a gateway has the line."""
    if standing.rang is None or standing.held:
        return None
    if standing.completed:
        return Owed(0, "end", "caller_hung_up")
    if standing.lost is None:
        return Owed(standing.rang.at_ms + settings.unanswered_s * 1000, "end")
    call_back = Owed(standing.lost.at_ms + settings.call_back_ms, "call_back")
    end = Owed(standing.lost.at_ms + settings.return_ms, "end")
    return min(call_back, end) if may_call_back else end


async def watch_line(gateway: Gateway, held: Held) -> bool:
    """Watch one line until it has ended; true then.

    False: a gateway of its own tenant must go on, with whose carrier's account it is called back.
    Raises JournalUnavailable at the start.
    """
    claim = held.claim
    following = await follow(
        gateway.bus, gateway.journal, claim.tenant, claim.call, families=("line",)
    )
    try:
        return await _Watch(gateway, claim).run(following)
    finally:
        await following.close()


class _Watch:
    def __init__(self, gateway: Gateway, claim: Claim) -> None:
        self._gateway = gateway
        self._tenant: Final[TenantId] = claim.tenant
        self._call: Final[CallId] = claim.call
        self._standing = UNKNOWN
        self._asked = ""  # the holder that is asked whether it has the line; empty: none
        self._changed = asyncio.Event()
        self._holder_gone = False
        self._foreign = claim.tenant != gateway.settings.tenant
        self._left = False
        self._called_back = 0  # the stint after which the carrier was told to come back

    async def run(self, following: Following) -> bool:
        """Until the line has ended, or others must go on."""
        reading = asyncio.create_task(self._read(following))
        try:
            while self._standing.ended is None and not self._left:
                await self._next()
            return not self._left
        finally:
            self._ask("")
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, following: Following) -> None:
        async for recorded in following:
            self._standing = fold(self._standing, recorded.message, recorded.sequence)
            self._ask(self._standing.holder if self._standing.held else "")
            self._changed.set()

    @property
    def _may_call_back(self) -> bool:
        rang, possible = self._standing.rang, self._gateway.calling_back.possible or self._foreign
        return possible and rang is not None and rang.carrier == "twilio"

    def _ask(self, holder: str) -> None:
        if holder == self._asked:
            return
        self._gateway.holders.forget(self._asked, self._call)
        self._asked, self._holder_gone = holder, False
        if holder:
            self._gateway.holders.watch(holder, self._call, self._on_gone)

    def _on_gone(self) -> None:
        self._holder_gone = True
        self._changed.set()

    async def _next(self) -> None:
        """Wait for news or for what falls due, and do that."""
        may_call_back = self._may_call_back and self._called_back != self._standing.stint
        due = owed(self._standing, self._gateway.settings, may_call_back=may_call_back)
        if not self._holder_gone and not await self._waited(due):
            return
        try:
            if self._holder_gone:
                await self._lose()
            elif due is not None:
                await self._do(due)
        except JournalUnavailable:
            _log.warning("call %s: the log is away; its line is looked after later", self._call)
            await asyncio.sleep(_AGAIN_S)

    async def _waited(self, due: Owed | None) -> bool:
        """Whether the time passed without news."""
        wait_s = None if due is None else max(0.0, (due.at_ms - now_ms()) / 1000)
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return True
        self._changed.clear()
        return False

    async def _lose(self) -> None:
        stint, self._holder_gone = self._standing.stint, False
        _log.warning("call %s: the gateway that had its line is gone", self._call)
        await amend(self._gateway, self._tenant, self._call, lost("its gateway is gone", stint))

    async def _do(self, due: Owed) -> None:
        if due.what == "end":
            await self._end(due.reason)
            return
        if self._foreign:
            await self._leave_or_end()
            return
        self._called_back = self._standing.stint
        url = after_url(self._gateway, self._call, self._standing.stint + 1, attempt=1)
        assert self._standing.rang is not None
        try:
            await self._gateway.calling_back.redirect(self._standing.rang.carrier_call, url)
        except NotCalledBack as failed:
            _log.warning("call %s: the carrier was not told to come back: %s", self._call, failed)
        except CallGone:
            await self._end("caller_hung_up")

    async def _leave_or_end(self) -> None:
        """Another gateway may know the carrier's account; when time is over nobody needs it."""
        due = owed(self._standing, self._gateway.settings, may_call_back=False)
        if due is not None and due.at_ms <= now_ms():
            await self._end(due.reason)
            return
        await asyncio.sleep(_AGAIN_S)
        self._left = True

    async def _end(self, reason: EndReason) -> None:
        _log.warning("call %s: its line is ended: %s", self._call, reason)
        change = ended(reason, waiting_since=self._standing.stint)
        self._standing = await amend(self._gateway, self._tenant, self._call, change)
