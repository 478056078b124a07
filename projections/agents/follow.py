"""Keeps the table agents up with the stream AGENTS."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import asyncpg
import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from contracts.codec import Unreadable
from contracts.streams import AGENTS
from infra.nats import Bus
from infra.postgres import AWAY, REFUSED, Pool
from projections.agents.rows import RevisionRow, row_of
from projections.agents.storing import LaterVersion, Overtaken, position_of, prepare, store

_log: Final = logging.getLogger("partyline.projections")
_WAIT_S: Final = 5.0  # for the next revision; then the server is asked whether it gave one
_UNUSED_S: Final = 60.0  # the server forgets a reader that died after so long
_AGAIN_S: Final = 0.5
_LOG_AWAY: Final = (OSError, TimeoutError, nats.errors.Error, JetStreamError)


class WrongLog(Exception):
    """The stream ends before what was read of it: the table was made from another one."""


async def follow_agents(bus: Bus, pool: Pool) -> None:
    """Store each revision as soon as it is published, until cancelled. Several may run.

    Returns only when a later version of the program keeps the table.
    """
    prepared = troubled = False
    while True:
        try:
            if not prepared:
                await prepare(pool)
                prepared = True
            await _follow(bus, pool)
            troubled = False
        except Overtaken:
            continue
        except asyncpg.UndefinedTableError:
            _log.error("agents: the table was dropped, and is made anew from the log")
            prepared = False
            await asyncio.sleep(_AGAIN_S)
        except LaterVersion:
            _log.error("agents: a later version has taken over")
            return
        except (*_LOG_AWAY, *AWAY, WrongLog) as trouble:
            if not troubled:
                _log.warning("agents: waits: %s", type(trouble).__name__)
            troubled = True
            await asyncio.sleep(_AGAIN_S)


async def _follow(bus: Bus, pool: Pool) -> None:
    """Until a delivery was lost: then another reader begins at the stored position."""
    position = await position_of(pool)
    if (await bus.js.stream_info(AGENTS.name)).state.last_seq < position:
        raise WrongLog
    async with aclosing(_messages(bus, position)) as messages:
        async for message in messages:
            last = message.metadata.sequence.stream
            row = _row(message)
            try:
                await store(pool, [row] if row else [], after=position, last=last)
            except REFUSED as refused:  # it must not keep others out either
                _log.warning("agents: message %d is left out: %s", last, type(refused).__name__)
                await store(pool, [], after=position, last=last)
            position = last


async def _messages(bus: Bus, after: int) -> AsyncGenerator[Msg]:
    """What the stream holds behind a sequence, then what is published."""
    reader = await _reader(bus, after)
    delivered = 0
    try:
        while True:
            try:
                (message,) = await reader.fetch(1, timeout=_WAIT_S)
            except nats.errors.TimeoutError:
                if await _given(reader) != delivered:
                    return
                continue
            delivered += 1
            if message.metadata.sequence.consumer != delivered:
                return
            yield message
    finally:
        with contextlib.suppress(*_LOG_AWAY):
            await reader.unsubscribe()


async def _given(reader: JetStreamContext.PullSubscription) -> int | None:
    """Deliveries of the server's to this reader; None: it has forgotten it."""
    try:
        delivered = (await reader.consumer_info()).delivered
    except NotFoundError:
        return None
    return delivered.consumer_seq if delivered else 0


async def _reader(bus: Bus, after: int) -> JetStreamContext.PullSubscription:
    settings = api.ConsumerConfig(
        description="the table agents",
        deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        ack_policy=api.AckPolicy.NONE,
        inactive_threshold=_UNUSED_S,
        num_replicas=1,
        mem_storage=True,
    )
    return await bus.js.pull_subscribe(AGENTS.subjects[0], stream=AGENTS.name, config=settings)


def _row(message: Msg) -> RevisionRow | None:
    """None: no contract covers the message; it must not keep others out."""
    sequence = message.metadata.sequence.stream
    try:
        return row_of(message.subject, sequence, message.data)
    except Unreadable as unreadable:
        _log.warning("agents: message %d is left out: %s", sequence, unreadable)
        return None
