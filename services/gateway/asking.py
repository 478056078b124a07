"""Whether a gateway still has a line: asked on `host.<id>`, many calls at once.

The answer has a word for each call: `held`; `lost`, and its loss is being recorded; `ending`, and
its end is; `none`, it is not here.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import nats.errors

from contracts.ids import CallId, HostId
from contracts.streams import host_subject
from infra.nats import Bus

_AWAY: Final = (nats.errors.Error, TimeoutError, OSError)


async def ask(
    bus: Bus, host: HostId, calls: Sequence[CallId], within_s: float
) -> Sequence[str] | None:
    """A word for each call; None when that gateway does not answer."""
    try:
        async with asyncio.timeout(within_s):
            answer = await bus.nc.request(
                host_subject(host), " ".join(calls).encode(), timeout=within_s
            )
    except _AWAY:
        return None
    words = answer.data.decode(errors="replace").split()
    return words if len(words) == len(calls) else None
