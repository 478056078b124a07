"""Frames asked for again, from whoever published them.

The AUDIO stream lives in one server's memory. When that server is away, or has just come back
empty, the frames of the last seconds are still with their publisher (`infra/kept_frames.py`).

    again.<audio subject>    a question; each kept frame comes to its reply subject, in order, then
                             an empty payload
"""

from collections.abc import AsyncGenerator
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from infra.nats import Bus

_PREFIX: Final = "again."


async def tell_again(bus: Bus) -> Subscription:
    """Answer questions about the frames this connection has published, until unsubscribed."""

    async def on_asked(message: Msg) -> None:
        kept = bus.kept(message.subject.removeprefix(_PREFIX))
        if not kept:
            return  # somebody else's call
        for payload in kept:
            bus.pub(message.reply, payload)
        bus.pub(message.reply, b"")

    subscription = await bus.nc.subscribe(f"{_PREFIX}audio.>", cb=on_asked)
    await bus.nc.flush()
    return subscription


async def ask_again(bus: Bus, subject: str, *, wait_s: float) -> AsyncGenerator[bytes]:
    """The frames of `subject` that their publisher still has; none when nobody answers.

    Close it when leaving early. Raises: nats.errors.Error when the server is away.
    """
    inbox = bus.nc.new_inbox()
    answers = await bus.nc.subscribe(inbox, pending_bytes_limit=0)
    try:
        await bus.nc.publish(_PREFIX + subject, reply=inbox)
        while payload := (await answers.next_msg(timeout=wait_s)).data:
            yield payload
    except nats.errors.TimeoutError:
        return
    finally:
        if not bus.nc.is_closed:
            await answers.unsubscribe()
