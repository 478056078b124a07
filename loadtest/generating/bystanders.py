"""Roles that work on a running log do not take made-up calls for real ones.

Voices and knowledge have one durable consumer each, which is stopped while calls are made up and
then goes on behind them. Whoever hosts calls has nothing to do with calls that nobody claims.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from nats.js import api

from contracts.streams import CALLS, CLAIMS
from infra.nats import Bus
from loadtest.generating.writing import NotWritten

_AT_MOST_H: Final = 6.0  # if we die meanwhile, they go on after that, through all there is


@asynccontextmanager
async def kept_out(bus: Bus) -> AsyncIterator[None]:
    """Nobody works on what is stored during the block.

    Raises NotWritten when calls go on: those would wait for their voices.
    """
    durables = await _durables(bus)
    await _quiet(bus, durables)
    until = datetime.now(UTC) + timedelta(hours=_AT_MOST_H)
    for each in durables:
        await bus.js.pause_consumer(CALLS.name, each.name, until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    try:
        yield
    finally:
        newest = (await bus.js.stream_info(CALLS.name)).state.last_seq
        for each in durables:
            await bus.js.reset_consumer(CALLS.name, each.name, newest + 1)
            await bus.js.resume_consumer(CALLS.name, each.name)


async def _durables(bus: Bus) -> list[api.ConsumerInfo]:
    found = await bus.js.consumers_info(CALLS.name)
    shared = api.AckPolicy.EXPLICIT
    return [e for e in found if e.config.durable_name and e.config.ack_policy == shared]


async def _quiet(bus: Bus, durables: list[api.ConsumerInfo]) -> None:
    claims = (await bus.js.stream_info(CLAIMS.name)).state.messages
    busy = any(each.push_bound and (each.num_pending or each.num_ack_pending) for each in durables)
    if claims or busy:
        raise NotWritten(
            "Calls go on in this log. Let them end first, or use a data folder of its own:"
            " --data FOLDER starts the servers there."
        )
