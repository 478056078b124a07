"""Whether anybody is there who can answer a caller: asked while a caller waits for an answer."""

import asyncio
from typing import Final

import nats.errors

from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.streams import Family
from infra.nats import Bus
from infra.ownership import holds, owner_of

_HOSTED: Final[tuple[Family, ...]] = ("transcript", "dialog")
_LOG_S: Final = 0.3  # for the log to say whose a call is


async def looked_after(bus: Bus, tenant: TenantId, call: CallId) -> bool:
    """Whether the log answers, and the call's recogniser and actor have hosts that do.

    Not so while the log elects a leader, before the call's claims are taken, and from the death of
    a host until another one has the call. A host that waits for its provider answers.
    """
    if not bus.connected:
        return False
    return all(await asyncio.gather(*(_hosted(bus, tenant, call, each) for each in _HOSTED)))


async def _hosted(bus: Bus, tenant: TenantId, call: CallId, family: Family) -> bool:
    try:
        owner = await owner_of(bus, tenant, call, family, within_s=_LOG_S)
        return owner is not None and await holds(bus, owner, call)
    except (JournalUnavailable, OSError, nats.errors.Error):
        return False
