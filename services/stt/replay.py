"""Caller frames that were on the line before this host listened, from the AUDIO stream."""

import contextlib
from collections.abc import Iterator
from typing import Final

import nats.errors

from contracts.ids import CallId, TenantId
from contracts.streams import AUDIO, audio_subject
from infra.direct_get import direct_get
from infra.nats import Bus
from services.audio.frames import CallerFrame, unpack_caller

_MOST_FRAMES: Final = 1_000  # the stream keeps 15 s, that is 750
_WAIT_S: Final = 1.0


async def fetch(bus: Bus, tenant: TenantId, call: CallId, first: int) -> list[CallerFrame]:
    """The frames from number `first` on that the stream still holds, in their order.

    What has come by when the server falls silent is what there is: a turn with a hole is better
    than none.
    """
    subject = audio_subject(tenant, call, "caller")
    payloads = []
    stored = direct_get(bus, AUDIO.name, subject, start=1, most=_MOST_FRAMES, wait_s=_WAIT_S)
    with contextlib.suppress(nats.errors.TimeoutError, nats.errors.NoRespondersError):
        async for message in stored:
            payloads.append(message.data)
    return sorted(_frames(payloads, first), key=lambda frame: frame.number)


def _frames(payloads: list[bytes], first: int) -> Iterator[CallerFrame]:
    for payload in payloads:
        try:
            frame = unpack_caller(payload)
        except ValueError:  # not a caller frame: the live path refuses it too
            continue
        if frame.number >= first:
            yield frame
