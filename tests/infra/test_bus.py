"""The connection every role stands on."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nats.errors
import pytest
import uvloop
from eventually import eventually_async
from nats.js.errors import NotFoundError
from nats_proxy import proxy

from contracts.streams import AUDIO
from infra.again import ask_again, tell_again
from infra.cancelling import end_tasks
from infra.embedded import embedded
from infra.nats import connect, create_streams


async def test_a_flush_that_was_cancelled_leaves_the_connection_as_it_was(nats_url: str) -> None:
    bus = await connect(nats_url, name="test")
    flushing = [asyncio.create_task(bus.nc.flush()) for _ in range(3)]
    await asyncio.sleep(0)  # their pings are out, the answers are not in
    flushing[0].cancel()
    flushing[1].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*flushing)
    answered = asyncio.Event()

    async def answer(_: object) -> None:
        answered.set()

    await bus.nc.subscribe("bus.test", cb=answer)
    await bus.nc.publish("bus.test", b"")
    await asyncio.wait_for(answered.wait(), 5)
    await bus.nc.flush()
    await bus.close()


async def test_a_flush_whose_connection_breaks_is_answered_on_the_next_one(nats_url: str) -> None:
    async with proxy(nats_url) as road:
        bus = await connect(road.url, name="test")
        with road.held():
            flushing = asyncio.create_task(bus.nc.flush())
            await asyncio.sleep(0)  # its ping is out, and the answer will not come
            road.cut()
        await flushing
        await bus.close()


async def test_a_flush_is_answered_after_all_that_was_sent_before_it(nats_url: str) -> None:
    """Else a message by another connection comes before the subscription that it is for."""
    async with proxy(nats_url) as road:
        bus = await connect(road.url, name="test")
        before = len(road.asked)
        await bus.nc.subscribe("bus.flushed")
        await bus.nc.flush()
        assert road.asked[before:][:2] == [b"SUB", b"PING"]
        await bus.close()


async def test_frames_that_may_wait_are_written_together_and_arrive_in_order(nats_url: str) -> None:
    bus = await connect(nats_url, name="test")
    heard: list[int] = []
    await bus.sub("bus.soon.*", lambda payload: heard.append(int(payload)))
    await bus.nc.flush()
    for number in range(6):
        bus.pub_kept_soon(f"bus.soon.{number % 2}", b"%d" % number)
    await eventually_async(_so_many(heard, 6))
    assert heard == [0, 1, 2, 3, 4, 5]
    await bus.close()


async def test_what_waits_to_be_written_is_not_lost_by_closing(nats_url: str) -> None:
    listener, bus = await connect(nats_url, name="listener"), await connect(nats_url, name="test")
    heard: list[int] = []
    await listener.sub("bus.last", lambda payload: heard.append(int(payload)))
    await listener.nc.flush()
    bus.pub_kept_soon("bus.last", b"7")
    await bus.close()
    await eventually_async(_so_many(heard, 1))
    await listener.close()


async def _closed(transport: asyncio.Transport) -> bool:
    return "closed=True" in repr(transport)


def test_what_is_published_on_a_closed_connection_fails_as_on_any_broken_one(
    nats_url: str,
) -> None:
    async def publish_too_late() -> None:
        bus = await connect(nats_url, name="test")
        client: Any = bus.nc
        # So it is for a moment on a busy machine: closed, and nats-py has not seen it yet.
        await end_tasks([client._flusher_task, client._reading_task])
        transport = client._transport._io_writer.transport
        transport.abort()
        await eventually_async(lambda: _closed(transport))
        with pytest.raises(ConnectionError):
            await client.publish("bus.test", b"")
        await bus.close()

    uvloop.run(publish_too_late())


async def test_frames_said_while_the_server_was_away_arrive_in_order_when_it_is_back(
    nats_url: str,
) -> None:
    listener = await connect(nats_url, name="listener")
    heard: list[int] = []
    await listener.sub("bus.frames", lambda payload: heard.append(int(payload)))
    await listener.nc.flush()
    async with proxy(nats_url, watched="call.") as road:
        bus = await connect(road.url, name="gateway")
        for number in range(10):
            bus.pub_kept("bus.frames", b"%d" % number)
        async with road.away():
            for number in range(10, 30):
                bus.pub_kept("bus.frames", b"%d" % number)
        for number in range(30, 40):
            bus.pub_kept("bus.frames", b"%d" % number)
        await eventually_async(_so_many(heard, 40))
        await bus.close()
    await listener.close()
    news = [n for place, n in enumerate(heard) if n not in heard[:place]]
    assert news == list(range(40))


def _so_many(heard: list[int], count: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return len(set(heard)) == count

    return holds


async def test_the_audio_stream_is_there_again_after_the_server_that_held_it_died(
    tmp_path: Path,
) -> None:
    async with embedded(tmp_path) as addresses:
        bus = await connect(addresses.nats_url, name="test")
        await create_streams(bus)
        bus.pub_kept("audio.t.c.caller", b"frame")
        os.kill(int((tmp_path / "run" / "nats.pid").read_text()), signal.SIGKILL)

        async def is_captured() -> bool:
            try:
                return (await bus.js.get_last_msg(AUDIO.name, "audio.t.c.caller")).data == b"frame"
            except (NotFoundError, TimeoutError, nats.errors.Error):
                return False

        await eventually_async(lambda: _is_false(bus.connected), 10)
        await eventually_async(is_captured, 20)
        await bus.close()


async def _is_false(value: bool) -> bool:
    return not value


async def test_frames_are_asked_again_from_whoever_published_them(nats_url: str) -> None:
    asking = await connect(nats_url, name="stt")
    gateways = [await connect(nats_url, name="gateway") for _ in range(2)]
    for gateway in gateways:
        await tell_again(gateway)
    gateways[1].pub_kept("audio.t.c2.caller", b"other")
    for number in range(3):
        gateways[0].pub_kept("audio.t.c1.caller", b"%d" % number)
    again = [p async for p in ask_again(asking, "audio.t.c1.caller", wait_s=5)]
    assert again == [b"0", b"1", b"2"]
    assert [p async for p in ask_again(asking, "audio.t.c3.caller", wait_s=0.1)] == []
    for bus in (asking, *gateways):
        await bus.close()


def test_a_frame_on_a_connection_that_has_just_broken_is_dropped_and_nothing_else(
    nats_url: str,
) -> None:
    """On the loop the platform runs on, whose transports refuse questions once they are closed."""

    async def speak_as_it_breaks() -> int:
        bus = await connect(nats_url, name="gateway")
        broken = bus.nc._transport._io_writer.transport  # type: ignore[union-attr]
        broken.abort()
        bus.pub("bus.frames", b"frame")
        dropped = bus.nc.frames_dropped
        await bus.close()
        return dropped

    assert uvloop.run(speak_as_it_breaks()) == 1
