"""Waiting in tests until a durable consumer's workers have acknowledged all that is stored."""

from eventually import eventually_async
from nats.js import JetStreamContext

from contracts.streams import CALLS


async def all_acknowledged(js: JetStreamContext, durable: str) -> None:
    """Return when the newest message the consumer is for, and all before it, is acknowledged.

    Its number of pending messages does not say so: the server counts a message there some time
    after it has told the publisher that it is stored.
    """

    async def up_to_the_newest() -> bool:
        info = await js.consumer_info(CALLS.name, durable)
        newest = await js.get_last_msg(CALLS.name, info.config.filter_subject or ">")
        return (info.ack_floor.stream_seq if info.ack_floor else 0) >= (newest.seq or 0)

    await eventually_async(up_to_the_newest, 30)
