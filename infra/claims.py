"""Who hosts which call: JetStream hands claims out, and out again when a host falls silent."""

import asyncio
import logging
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError, ServiceUnavailableError

from contracts.claim import Claim, Role
from contracts.codec import Unreadable, decode_claim, encode
from contracts.event import OwnerClaimed
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import JournalUnavailable
from contracts.streams import ACK_WAIT_S, CLAIMS, Family, claim_subject, host_subject
from infra.cancelling import stop_if_cancelled
from infra.journal import NatsJournal
from infra.nats import Bus

_log: Final = logging.getLogger("partyline.claims")
_FAMILY: Final[dict[Role, Family]] = {"stt": "transcript", "dialog": "dialog"}
_HELD: Final = b"held"
_ASK_S: Final = 0.1
_PROGRESS_S: Final = ACK_WAIT_S / 4
_MOST_HELD: Final = 100_000  # claims un-acknowledged at a time, all hosts together


async def offer(bus: Bus, claim: Claim) -> None:
    """Ask for a host. Offering the same call again changes nothing."""
    subject = claim_subject(claim.role, claim.tenant, claim.call)
    await bus.js.publish(subject, encode(claim), headers={"Nats-Msg-Id": subject})


class Held:
    """A claim this process holds. Progress is reported until it is released or dropped."""

    def __init__(self, owner: "Claims", claim: Claim, message: Msg, *, takeover: bool) -> None:
        self.claim: Final = claim
        self.takeover: Final = takeover  # somebody had it before
        self._owner, self._message = owner, message

    async def progress(self) -> None:
        """Keep it for another while."""
        await self._message.in_progress()

    async def release(self) -> None:
        """The call is over: nobody is to host it any more."""
        self._owner.forget(self)
        await self._message.ack()

    async def drop(self) -> None:
        """Give it to another host, at once."""
        self._owner.forget(self)
        await self._message.nak()


class Claims:
    """Takes claims of one role for one host. Use as an async context manager."""

    def __init__(self, bus: Bus, journal: NatsJournal, role: Role, host: HostId) -> None:
        self._bus, self._journal = bus, journal
        self._role, self._host = role, host
        self._held: dict[CallId, Held] = {}
        self._reporting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Claims":
        await self._bus.nc.subscribe(host_subject(self._host), cb=self._on_asked)
        config = ConsumerConfig(
            durable_name=f"claims-{self._role}",
            filter_subject=f"claim.{self._role}.>",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=_MOST_HELD,
        )
        self._pull: JetStreamContext.PullSubscription = await self._bus.js.pull_subscribe(
            f"claim.{self._role}.>", f"claims-{self._role}", CLAIMS.name, config
        )
        self._reporting = asyncio.create_task(self._report())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reporting:
            self._reporting.cancel()
            await asyncio.gather(self._reporting, return_exceptions=True)

    def forget(self, held: Held) -> None:
        """Stop reporting progress. Called by the claim itself."""
        self._held.pop(held.claim.call, None)

    async def take(self) -> Held:
        """Wait for the next call that is ours to host."""
        while True:
            message = await self._fetch()
            try:
                claim = decode_claim(message.data)
            except Unreadable as unreadable:
                _log.warning("a claim is refused: %s", unreadable)
                await message.term()
                continue
            takeover = message.metadata.num_delivered > 1
            if claim.call in self._held or (takeover and await self._alive(claim)):
                continue  # its owner lives and goes on reporting on its own delivery
            held = Held(self, claim, message, takeover=takeover)
            self._held[claim.call] = held
            return held

    async def _fetch(self) -> Msg:
        while True:
            stop_if_cancelled()
            try:
                return (await self._pull.fetch(1, timeout=5))[0]
            except nats.errors.TimeoutError:
                continue
            except (nats.errors.Error, APIError, ServiceUnavailableError, OSError) as away:
                if self._bus.nc.is_closed:
                    raise
                _log.warning("claims of %s: %s; trying again", self._role, type(away).__name__)
                await asyncio.sleep(0.2)

    async def _alive(self, claim: Claim) -> bool:
        """Whether the owner the log names still holds the call."""
        owner = await self._owner(claim.tenant, claim.call)
        if owner is None or owner == self._host:
            return False
        try:
            subject = host_subject(HostId(owner))
            reply = await self._bus.nc.request(subject, claim.call.encode(), timeout=_ASK_S)
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
            return False
        return reply.data == _HELD

    async def _owner(self, tenant: TenantId, call: CallId) -> str | None:
        owner = None
        try:
            async for recorded in self._journal.read(tenant, call, _FAMILY[self._role]):
                for event in recorded.message.events:
                    if isinstance(event, OwnerClaimed):
                        owner = event.host
        except JournalUnavailable:
            _log.warning("call %s: its owner could not be read", call)
        return owner

    async def _on_asked(self, message: Msg) -> None:
        held = CallId(message.data.decode(errors="replace")) in self._held
        await message.respond(_HELD if held else b"not held")

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            for held in list(self._held.values()):
                try:
                    await held.progress()
                except nats.errors.Error as away:
                    _log.warning("progress not reported: %s", type(away).__name__)
                    break
