"""FastStream as the workers use it: stateless consumers of decisions, in any number.

What FastStream would do by itself and must not here: write messages to the log (they hold callers'
words), decode every message as JSON, and declare streams it does not know all settings of.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage
from nats.js import api

from contracts.ids import HostId
from contracts.streams import CALLS

_DECISIONS: Final = "call.*.*.dialog"
_IN_WORK: Final = 5_000  # messages of all workers of a role together


def worker_broker(nats_url: str, host: HostId, *, grace_s: float = 15.0) -> NatsBroker:
    """A connection of the worker's own; `grace_s`: for work under way when it is stopped."""
    return NatsBroker(
        nats_url.split(","),
        name=host,
        apply_types=False,
        logger=None,
        graceful_timeout=grace_s,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
    )


def on_decisions(
    broker: NatsBroker,
    durable: str,
    take: Callable[[NatsMessage], Awaitable[None]],
    *,
    stale_s: float,
    redeliver_s: float,
) -> Any:
    """Give each dialog message to one worker of the role; `take` acknowledges it itself.

    Args:   durable: the role; its workers share the messages.
            stale_s: how far back a role begins that never worked on this log before.
            redeliver_s: a message unacknowledged so long goes to another worker.
    Returns FastStream's subscriber, to start and stop.
    """
    since = datetime.now(UTC) - timedelta(seconds=stale_s)
    subscriber = broker.subscriber(
        _DECISIONS,
        queue=durable,  # nats-py names the durable consumer so too
        stream=JStream(CALLS.name, declare=False),
        config=api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_TIME,  # when the durable is first made
            opt_start_time=since,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=redeliver_s,
            max_ack_pending=_IN_WORK,
        ),
        ack_policy=AckPolicy.MANUAL,
        decoder=as_it_is,
    )
    subscriber(take)
    return subscriber


async def as_it_is(message: NatsMessage) -> NatsMessage:
    """Instead of FastStream's own reading of JSON: most messages are never decoded at all."""
    return message
