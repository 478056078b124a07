"""Canaries: while nobody calls, empty messages prove the way from the log to the tables.

Tables that stand at the log's end may be up to date, or have stopped hearing of it. So where
nothing was stored for a while one is stored. It belongs to no call and makes no row, but goes
through stream and reader as all others do, and moves the position. The age of the last message
that did tells how long nothing has come through.

They leave the log with the calls around them, by age or when these are archived, and never from
between them: what is missing there is a sign of tampering.
"""

import asyncio
import logging
from typing import Final

import nats.errors
from nats.js.errors import APIError
from nats.js.errors import Error as JetStreamError

from contracts.streams import CANARY
from infra.nats import Bus
from projections.reading import LogAway, extent

_log: Final = logging.getLogger("partyline.projections")
_WRONG_SEQUENCE: Final = 10071  # something was stored since
_AWAY: Final = (OSError, TimeoutError, nats.errors.Error, JetStreamError)


async def send_canaries(bus: Bus, every_s: float) -> None:
    """Store one whenever nothing was stored for `every_s` seconds, until cancelled.

    Any number of processes may: of those that look at the same time one stores it.
    """
    seen, troubled = -1, False
    while True:
        try:
            seen = await canary_if_silent(bus, seen)
            troubled = False
        except (LogAway, *_AWAY) as away:
            if not troubled:
                _log.warning("no canary: the log is away: %s", type(away).__name__)
            troubled = True
        await asyncio.sleep(every_s)


async def canary_if_silent(bus: Bus, seen: int) -> int:
    """Store a canary where `seen` is still the log's end. Returns the end as it is now."""
    last = (await extent(bus)).last
    if last != seen:
        return last
    headers = {"Nats-Expected-Last-Sequence": str(last)}
    try:
        return (await bus.js.publish(CANARY, headers=headers)).seq
    except APIError as refused:
        if refused.err_code != _WRONG_SEQUENCE:
            raise
        return last
