"""Stored messages read without a consumer: batched Direct Get, one question and many answers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import nats.errors
from nats.aio.msg import Msg

from infra.nats import Bus
from infra.raw_headers import headers_told, status_of

_Answer: TypeAlias = tuple[bytes, bytes, bytes]
"""Subject, payload and headers, as received."""

_ENDS: Final = ("204", "404")  # end of the batch, nothing there


async def direct_get(
    bus: Bus,
    stream: str,
    subject: str,
    *,
    start: int = 1,
    start_ms: float = 0.0,
    most: int,
    wait_s: float,
) -> AsyncGenerator[Msg]:
    """Up to `most` messages of `subject` from stream sequence `start` on, in stored order.

    `start_ms`: those stored at this UNIX time in milliseconds or later, whatever `start` says.

    Close it when leaving early (`contextlib.aclosing`).
    Raises: nats.errors.TimeoutError when the server falls silent for `wait_s`; other nats.errors
            when it is away.
    Source: ADR-31, https://github.com/nats-io/nats-architecture-and-design.
    """
    stamp = datetime.fromtimestamp(start_ms / 1000, UTC).isoformat()
    place: dict[str, Any] = {"start_time": stamp} if start_ms else {"seq": start}
    question = place | {"batch": most, "next_by_subj": subject}
    async with contextlib.aclosing(_answers(bus, stream, question, wait_s)) as answers:
        async for message in answers:
            yield message


async def direct_last(
    bus: Bus, stream: str, subjects: Sequence[str], *, wait_s: float
) -> AsyncGenerator[Msg]:
    """The newest message of each of these subjects, up to 1,000, where there is one.

    A copy that is behind the stream's leader answers, too: what is missing may be there, and what
    is there may just have been deleted. Close and errors: see `direct_get`.
    """
    question = {"multi_last": list(subjects), "batch": len(subjects)}
    async with contextlib.aclosing(_answers(bus, stream, question, wait_s)) as answers:
        async for message in answers:
            yield message


async def _answers(
    bus: Bus, stream: str, question: dict[str, Any], wait_s: float
) -> AsyncGenerator[Msg]:
    inbox, come = bus.nc.new_inbox(), asyncio.Queue[_Answer]()
    answers = await bus.nc.sub_raw(inbox, lambda s, _, payload, h: come.put_nowait((s, payload, h)))
    try:
        place = f"$JS.API.DIRECT.GET.{stream}"
        await bus.nc.publish(place, json.dumps(question).encode(), reply=inbox)
        while True:
            subject, payload, headers = await _next(come, wait_s)
            if status := status_of(headers):
                if status not in _ENDS:  # 503: no copy of the stream is there to answer
                    raise nats.errors.NoRespondersError
                return
            yield Msg(bus.nc, subject.decode(), "", payload, headers_told(headers))
    finally:
        if not bus.nc.is_closed:
            await answers.unsubscribe()


async def _next(come: asyncio.Queue[_Answer], wait_s: float) -> _Answer:
    if not come.empty():
        return come.get_nowait()
    try:
        async with asyncio.timeout(wait_s):
            return await come.get()
    except TimeoutError:
        raise nats.errors.TimeoutError from None
