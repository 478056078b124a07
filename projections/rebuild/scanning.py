"""The log in stored order as fast as it comes, as bytes: decoded is only what is wanted."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

import nats.errors
from nats.js import api
from nats.js.errors import Error as JetStreamError

from contracts.streams import CALLS
from infra.nats import Bus
from projections.reading import LogAway
from projections.rebuild.taking import Raw, Taking

_UNUSED_S: Final = 60.0  # the server forgets a reader that died after so long
_AWAY: Final = (OSError, TimeoutError, nats.errors.Error, JetStreamError)


async def scan(bus: Bus, first: int, last: int) -> AsyncGenerator[list[Raw]]:
    """All messages from the stream sequence `first` on, without end, in lists of what has come.

    `last`: up to which all are wanted; of those behind it few are fetched ahead.
    Close it when leaving. Raises LogAway.
    """
    settings = api.ConsumerConfig(
        description="a rebuild",
        deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=first,
        ack_policy=api.AckPolicy.NONE,
        inactive_threshold=_UNUSED_S,
        num_replicas=1,
        mem_storage=True,
    )
    try:
        made = await bus.js.add_consumer(CALLS.name, settings)
        taking = Taking(bus, made.name, first, last)
        subscription = await bus.nc.sub_raw(taking.inbox, taking.on_raw)
        try:
            while True:
                yield await taking.some()
        finally:
            with suppress(*_AWAY):
                await subscription.unsubscribe()
                await bus.js.delete_consumer(CALLS.name, made.name)
    except _AWAY as away:
        raise LogAway(type(away).__name__) from None
