"""Who hosts which call: JetStream hands claims out, and out again when a host falls silent."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError, ServiceUnavailableError

from contracts.claim import Claim, Role
from contracts.codec import Unreadable, decode_claim, encode
from contracts.ids import CallId, HostId
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.streams import (
    ACK_WAIT_S,
    CLAIMS,
    LINE_ACK_WAIT_S,
    Family,
    claim_subject,
    host_subject,
)
from infra.beside import beside
from infra.cancelling import stop_if_cancelled
from infra.nats import Bus
from infra.ownership import HELD, holds, owner_of

_log: Final = logging.getLogger("partyline.claims")
_FAMILY: Final[dict[Role, Family]] = {"stt": "transcript", "dialog": "dialog"}
_ACK_WAIT_S: Final[dict[Role, float]] = {"line": LINE_ACK_WAIT_S}
# Shorter than it takes a claim to come again: by then a paused host asks for none, else one of its
# own claims would be given back to it and lie there for as long once more.
_FETCH_S: Final = ACK_WAIT_S / 2
_MOST_HELD: Final = 100_000  # claims un-acknowledged at a time, all hosts together


class TakesNoMore(Exception):
    """This host was told to take no more claims."""


async def offer(bus: Bus, claim: Claim) -> None:
    """Ask for a host. Offering the same call again changes nothing."""
    subject = claim_subject(claim.role, claim.tenant, claim.call)
    await bus.js.publish(subject, encode(claim), headers={"Nats-Msg-Id": subject})


class Held:
    """A claim this process holds. Progress is reported until it is released or dropped."""

    def __init__(self, owner: "Claims", claim: Claim, message: Msg, *, takeover: bool) -> None:
        self.claim: Final = claim
        self.takeover: Final = takeover  # somebody had it before
        self.leave: Final = asyncio.Event()  # another host is to have the call once it is quiet
        self.lost: Final = asyncio.Event()  # it came out that another host has the call
        self._owner, self._message = owner, message

    async def progress(self) -> None:
        """Keep it for another while."""
        await self._message.in_progress()

    async def release(self) -> None:
        """The call is over: nobody is to host it any more."""
        await self._settle(self._message.ack)

    async def drop(self) -> None:
        """Give it to another host, at once."""
        await self._settle(self._message.nak)

    def leave_alone(self) -> None:
        """Another host has it. Should that one not report either, the claim comes again."""
        self._owner.forget(self)

    async def until_lost(self) -> None:
        """Wait until another host has the call. Raises WrongVersion then."""
        await self.lost.wait()
        raise WrongVersion(_FAMILY[self.claim.role])

    async def _settle(self, say: Callable[[], Awaitable[None]]) -> None:
        self._owner.forget(self)
        try:
            await say()
        except nats.errors.Error as away:
            kind = type(away).__name__
            _log.warning("call %s: %s; its claim comes again by itself", self.claim.call, kind)


class Claims:
    """Takes claims of one role for one host. Use as an async context manager."""

    def __init__(self, bus: Bus, role: Role, host: HostId) -> None:
        self._bus = bus
        self._role, self._host = role, host
        self._ack_wait_s = _ACK_WAIT_S.get(role, ACK_WAIT_S)
        self._held: dict[CallId, Held] = {}
        self._doubtful = False  # claims may have been given to others
        self._stopped = False
        self._entered = AsyncExitStack()

    async def __aenter__(self) -> "Claims":
        async with AsyncExitStack() as stack:
            asked = await self._bus.nc.subscribe(host_subject(self._host), cb=self._on_asked)
            stack.push_async_callback(self._end, asked.unsubscribe)
            config = ConsumerConfig(
                durable_name=f"claims-{self._role}",
                filter_subject=f"claim.{self._role}.>",
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self._ack_wait_s,
                max_ack_pending=_MOST_HELD,
            )
            self._pull: JetStreamContext.PullSubscription = await self._bus.js.pull_subscribe(
                f"claim.{self._role}.>", f"claims-{self._role}", CLAIMS.name, config
            )
            stack.push_async_callback(self._end, self._pull.unsubscribe)
            stack.callback(self._bus.on_reconnect(self._on_reconnect))
            await stack.enter_async_context(beside(self._report()))
            self._entered = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._entered.aclose()

    async def _end(self, unsubscribe: Callable[[], Awaitable[None]]) -> None:
        if not self._bus.nc.is_closed:
            await unsubscribe()

    def forget(self, held: Held) -> None:
        """Stop reporting progress. Called by the claim itself."""
        if self._held.get(held.claim.call) is held:
            del self._held[held.claim.call]

    def take_no_more(self) -> None:
        """What is held stays held; `take` gives what still comes to others, and ends soon."""
        self._stopped = True

    async def take(self) -> Held:
        """Wait for the next call that is ours to host. Raises TakesNoMore."""
        while not await self.accept(held := await self.next()):
            pass
        return held

    async def next(self) -> Held:
        """Wait for the next claim; it is not held before it is accepted. Raises TakesNoMore."""
        while True:
            message = await self._fetch()
            if self._stopped:
                await message.nak()
                raise TakesNoMore
            try:
                claim = decode_claim(message.data)
            except Unreadable as unreadable:
                _log.warning("a claim is refused: %s", unreadable)
                await message.term()
                continue
            takeover = message.metadata.num_delivered > 1
            return Held(self, claim, message, takeover=takeover)

    async def accept(self, held: Held) -> bool:
        """Hold a claim, unless the call has a living owner: that one reports on its own delivery.

        The claims of a dead host come all at once, so accept them side by side.
        """
        call = held.claim.call
        if mine := self._held.get(call):
            await self._check(mine)
            return False
        if await self._alive(held.claim) or call in self._held:
            return False
        self._held[call] = held
        return True

    async def _fetch(self) -> Msg:
        while not self._stopped:
            stop_if_cancelled()
            try:
                return (await self._pull.fetch(1, timeout=_FETCH_S))[0]
            except nats.errors.TimeoutError:
                continue
            except (nats.errors.Error, APIError, ServiceUnavailableError, OSError) as away:
                if self._bus.nc.is_closed:
                    raise
                _log.warning("claims of %s: %s; trying again", self._role, type(away).__name__)
                await asyncio.sleep(0.2)
        raise TakesNoMore

    async def _alive(self, claim: Claim) -> bool:
        """Whether the owner the log names still holds the call, or nobody can tell just now."""
        try:
            owner = await self._owner(claim)
        except JournalUnavailable:
            _log.warning("call %s: its owner could not be read", claim.call)
            return True  # if it is dead its claim comes again
        if owner is None or owner == self._host:
            return False
        return await holds(self._bus, owner, claim.call)

    async def _owner(self, claim: Claim) -> str | None:
        """Who owns the call in this role. Raises JournalUnavailable.

        Who watches over a line owns no family: what two who do so at a time write, the log takes
        once.
        """
        family = _FAMILY.get(self._role)
        if family is None:
            return None
        return await owner_of(self._bus, claim.tenant, claim.call, family)

    async def _on_asked(self, message: Msg) -> None:
        held = self._held.get(CallId(message.data.decode(errors="replace")))
        await message.respond(HELD if held and not held.lost.is_set() else b"not held")

    async def _on_reconnect(self) -> None:
        self._doubtful = True

    async def _report(self) -> None:
        """Report progress on all that is held; after a silence first ask whether it still is."""
        reported_s = time.monotonic()
        while True:
            await asyncio.sleep(self._ack_wait_s / 4)
            if not self._bus.connected:
                continue  # what is said now would be said when it is too late
            if self._doubtful or time.monotonic() - reported_s > self._ack_wait_s:
                self._doubtful = False
                await asyncio.gather(*(self._check(held) for held in list(self._held.values())))
            for held in list(self._held.values()):
                if not held.lost.is_set():
                    await self._progress(held)
            reported_s = time.monotonic()

    async def _progress(self, held: Held) -> None:
        try:
            await held.progress()
        except (nats.errors.Error, OSError) as away:
            self._doubtful = True
            _log.warning("progress not reported: %s", type(away).__name__)

    async def _check(self, held: Held) -> None:
        """Let a claim go whose call has another owner, by the log."""
        try:
            owner = await self._owner(held.claim)
        except JournalUnavailable:
            self._doubtful = True
            return
        if owner not in (None, self._host):
            _log.info("call %s: another host has it by now", held.claim.call)
            held.lost.set()
