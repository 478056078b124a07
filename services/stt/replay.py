"""Caller frames that were on the line before this host listened, from the AUDIO stream."""

import json
from collections.abc import Iterator
from typing import Final

import nats.errors
from nats.aio.subscription import Subscription

from contracts.ids import CallId, TenantId
from contracts.streams import AUDIO, audio_subject
from infra.nats import Bus
from services.audio.frames import CallerFrame, unpack_caller

_MOST_FRAMES: Final = 1_000  # the stream keeps 15 s, that is 750
_WAIT_S: Final = 1.0


async def fetch(bus: Bus, tenant: TenantId, call: CallId, first: int) -> list[CallerFrame]:
    """The frames from number `first` on that the stream still holds, in their order.

    One batched Direct Get: ADR-31, https://github.com/nats-io/nats-architecture-and-design.
    What has come by when the server falls silent is what there is: a turn with a hole is better
    than none.
    """
    subject = audio_subject(tenant, call, "caller")
    query = {"seq": 1, "batch": _MOST_FRAMES, "next_by_subj": subject}
    inbox = bus.nc.new_inbox()
    answers = await bus.nc.subscribe(inbox, pending_bytes_limit=0)
    try:
        place = f"$JS.API.DIRECT.GET.{AUDIO.name}"
        await bus.nc.publish(place, json.dumps(query).encode(), reply=inbox)
        payloads = await _until_the_end(answers)
    finally:
        if not bus.nc.is_closed:
            await answers.unsubscribe()
    return sorted(_frames(payloads, first), key=lambda frame: frame.number)


async def _until_the_end(answers: Subscription) -> list[bytes]:
    found: list[bytes] = []
    while True:
        try:
            message = await answers.next_msg(timeout=_WAIT_S)
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            return found
        if (message.headers or {}).get("Status"):  # 204 end of batch, 404 nothing there
            return found
        found.append(message.data)


def _frames(payloads: list[bytes], first: int) -> Iterator[CallerFrame]:
    for payload in payloads:
        try:
            frame = unpack_caller(payload)
        except ValueError:  # not a caller frame: the live path refuses it too
            continue
        if frame.number >= first:
            yield frame
