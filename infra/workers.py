"""FastStream as the workers use it: stateless consumers of decisions, in any number.

What FastStream would do by itself and must not here: write messages to the log (they hold callers'
words), decode every message as JSON, and declare streams it does not know all settings of.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import nats.errors
from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage
from faststream.nats.security import NatsToken, NatsUserPassword
from faststream.security import BaseSecurity
from nats.aio.client import Client
from nats.js import api
from nats.js.errors import NotFoundError

from contracts.ids import HostId
from contracts.streams import CALLS
from infra.audio_client import AudioClient

_DECISIONS: Final = "call.*.*.dialog"
_IN_WORK: Final = 5_000  # messages of all workers of a role together
_LEAVE_S: Final = 1.0  # for the server to say that it delivers no more
_log: Final = logging.getLogger("partyline.nats")


Wanted = Callable[[bytes], bool]
"""Whether a message is worth handing on, by its stored bytes."""


class _Client(AudioClient):
    """What nobody wants is acknowledged where it is read, together with others.

    Most decisions hold nothing for a worker, and FastStream's way to say so is long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wanted: Final[dict[int, Wanted]] = {}  # by subscription; all of others is

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        wanted = self.wanted.get(sid)
        if wanted is None or wanted(data):
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            self.pub_soon(reply.decode(), b"+ACK")

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self.wanted.pop(sid, None)
        super()._remove_sub(sid, max_msgs)


class _Broker(NatsBroker):
    async def _connect(self) -> Client:
        client = _Client()
        await client.connect(**self._connection_kwargs)
        self.config.connect(client)
        return client


def worker_broker(nats_url: str, host: HostId, *, grace_s: float = 15.0) -> NatsBroker:
    """A connection of the worker's own, which comes back by itself as quickly as the bus.

    Args:   nats_url: one or several servers, separated by commas.
            grace_s: for work under way when it is stopped.
    """
    places = [urlsplit(url) for url in nats_url.split(",")]
    return _Broker(
        [place._replace(netloc=place.netloc.rpartition("@")[2]).geturl() for place in places],
        name=host,
        apply_types=False,
        logger=None,
        graceful_timeout=grace_s,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,  # type: ignore[arg-type]  # nats-py takes parts of a second
        connect_timeout=1,  # to one of several servers, before the next is tried
        ping_interval=2,  # a server that stalls is left for another after three of these
        max_outstanding_pings=2,
        security=_security(places[0]),
    )


def _security(place: SplitResult) -> BaseSecurity | None:
    """For servers a cluster tells us of later, too: nats-py gives up for good when one refuses."""
    if place.username and place.password:
        return NatsUserPassword(place.username, place.password)
    return NatsToken(place.username) if place.username else None


@asynccontextmanager
async def working(broker: NatsBroker) -> AsyncIterator[NatsBroker]:
    """The broker is connected during the block; what was acknowledged in it is sent before the end.

    While the server is away there is nobody to tell: what is unacknowledged is delivered again.
    """
    client = await broker.connect()
    try:
        await broker.start()
        yield broker
    finally:
        try:
            await broker.stop()
        except (nats.errors.Error, ConnectionError) as away:
            _log.warning("the worker's connection was not closed in order: %s", type(away).__name__)
            with contextlib.suppress(ConnectionError):  # the server went first
                await client.close()


class Deliveries:
    """The dialog messages that one worker gets."""

    def __init__(
        self, broker: NatsBroker, subscriber: Any, config: api.ConsumerConfig, wanted: Wanted
    ) -> None:
        self._broker, self._subscriber, self._config = broker, subscriber, config
        self._wanted = wanted

    async def start(self) -> None:
        """Let them come. The broker has to be started."""
        await self._bring_up_to_date()
        await self._subscriber.start()
        client = await self._broker.connect()
        if isinstance(client, _Client):
            client.wanted[self._subscriber.subscription._id] = self._wanted

    async def stop(self) -> None:
        """Let no more come, and take those that had left the server: nobody else would be given
        them before they count as unacknowledged."""
        subscription = self._subscriber.subscription
        if subscription is not None:
            self._subscriber.subscription = None  # FastStream would drop what waits in it
            try:
                async with asyncio.timeout(_LEAVE_S):
                    await subscription.drain()
            except (TimeoutError, OSError, nats.errors.Error) as away:
                _log.warning("deliveries were not stopped in order: %s", type(away).__name__)
        await self._subscriber.stop()

    async def _bring_up_to_date(self) -> None:
        """nats-py takes a durable consumer as it finds it, made perhaps with other settings."""
        js = (await self._broker.connect()).jetstream()
        try:
            found = (await js.consumer_info(CALLS.name, self._config.durable_name or "")).config
        except NotFoundError:
            return
        if found.ack_wait != self._config.ack_wait:
            await js.add_consumer(CALLS.name, found.evolve(ack_wait=self._config.ack_wait))


def on_decisions(
    broker: NatsBroker,
    durable: str,
    take: Callable[[NatsMessage], Awaitable[None]],
    wanted: Wanted,
    *,
    stale_s: float,
    redeliver_s: float,
) -> Deliveries:
    """Give each dialog message to one worker of the role; `take` acknowledges those it gets.

    To be asked for once the broker is started, which would start the deliveries with it.

    Args:   durable: the role; its workers share the messages.
            wanted: what `take` is given; at the start it may get some others.
            stale_s: how far back a role begins that never worked on this log before.
            redeliver_s: a message unacknowledged so long goes to another worker.
    """
    since = datetime.now(UTC) - timedelta(seconds=stale_s)
    config = api.ConsumerConfig(
        durable_name=durable,
        deliver_policy=api.DeliverPolicy.BY_START_TIME,  # when the durable is first made
        opt_start_time=since,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=redeliver_s,
        max_ack_pending=_IN_WORK,
    )
    subscriber = broker.subscriber(
        _DECISIONS,
        queue=durable,  # nats-py names the durable consumer so too
        stream=JStream(CALLS.name, declare=False),
        config=config,
        ack_policy=AckPolicy.MANUAL,
        decoder=as_it_is,
    )
    subscriber(take)
    return Deliveries(broker, subscriber, config, wanted)


async def as_it_is(message: NatsMessage) -> NatsMessage:
    """Instead of FastStream's own reading of JSON: most messages are never decoded at all."""
    return message
