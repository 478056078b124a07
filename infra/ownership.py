"""Whose a call is, by the log itself, and whether its owner lives, by its own word."""

import time
from typing import Final

import nats.errors
from nats.js.errors import APIError, NotFoundError

from contracts.codec import Unreadable, outline
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.streams import CALLS, Family, call_subject, host_subject
from infra.cancelling import stop_if_cancelled
from infra.nats import Bus

_FRESH_S: Final = 0.2  # a new owner asks the old one for 0.3 s before it claims
_ASK_S: Final = 0.3  # a host under load is slow to answer; a dead one's server answers at once
HELD: Final = b"held"
"""A host's answer on its host_subject, asked for a call it holds."""


async def owner_of(
    bus: Bus, tenant: TenantId, call: CallId, family: Family, *, within_s: float = 5.0
) -> str | None:
    """The host that wrote the family's newest message, as only its owner does; None: nobody yet.

    The stream's leader is asked: a follower may not know the newest owner yet.
    Raises JournalUnavailable, also when the log takes longer than `within_s`.
    """
    js = bus.nc.jetstream(timeout=within_s)
    try:
        last = await js.get_last_msg(CALLS.name, call_subject(tenant, call, family))
    except NotFoundError:
        return None
    except (TimeoutError, OSError, nats.errors.Error, APIError):
        raise JournalUnavailable("the log did not answer") from None
    return _writer(last.data or b"")


async def holds(bus: Bus, host: str, call: CallId) -> bool:
    """Whether the host says that it holds the call. One that is dead or stands still does not.

    Raises what nats-py raises when the connection is away.
    """
    try:
        reply = await bus.nc.request(host_subject(HostId(host)), call.encode(), timeout=_ASK_S)
    except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
        return False
    return reply.data == HELD


async def still_owned(
    bus: Bus, tenant: TenantId, call: CallId, family: Family, host: HostId
) -> None:
    """Return when `host` wrote the family's newest message, as of less than 200 ms ago.

    For the moment before an effect that the log can't refuse: a new owner's first message is its
    claim. Whoever was paused in here for longer asks again.

    Raises: WrongVersion when somebody else has written since; JournalUnavailable.
    """
    while True:
        asked_s = time.monotonic()
        owner = await owner_of(bus, tenant, call, family)
        stop_if_cancelled()
        if owner != host:
            raise WrongVersion(family)
        if time.monotonic() - asked_s < _FRESH_S:
            return


def _writer(payload: bytes) -> str | None:
    try:
        return outline(payload).by
    except Unreadable:
        return None  # nobody who owns the call writes what can't be read
