"""The log is away: no call is taken in silence, and none that runs is left in silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from eventually import eventually_async
from gateway_house import House, only

from contracts.line import DigitPressed, LineAnswered, LineEnded, LineRang
from contracts.streams import CALLS
from infra.data_folder import make_folders
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer
from services.audio.phrases import one_moment


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server of the test's own, to be stopped and started."""
    server = NatsServer(make_folders(tmp_path / "data"), "secret")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def lone_house(server: NatsServer) -> AsyncIterator[House]:
    bus = await connect(server.url, name="tests")
    await create_streams(bus)
    async with AsyncExitStack() as leaving:
        house = House(bus, leaving)
        await house.publish()
        yield house
    await bus.close()


async def test_a_ring_that_cannot_be_recorded_is_asked_to_wait_and_then_declined(
    lone_house: House, server: NatsServer
) -> None:
    twilio = await lone_house.twilio(await lone_house.open(ring_ms=100))
    await server.stop()
    first = await twilio.ring("?agent=receptionist&var_a=b%20c")
    assert first.verbs == ["Say", "Pause", "Redirect"]
    address = first.find("Redirect").text or ""
    assert address.endswith("/twilio/voice?agent=receptionist&var_a=b+c&attempt=2")
    second = await twilio.ring(address.partition("/twilio/voice")[2], first.call_sid)
    assert (second.find("Redirect").text or "").endswith("&attempt=3")
    third = await twilio.ring("?attempt=3", first.call_sid)
    assert third.verbs == ["Say", "Hangup"]
    await server.start()
    await twilio.ring("?attempt=2", first.call_sid)
    await eventually_async(lone_house.is_connected)


async def test_a_ring_that_the_log_refuses_at_once_is_tried_again_while_there_is_time(
    lone_house: House,
) -> None:
    """As a cluster does that has no leader: three quick refusals are no reason to decline."""
    twilio = await lone_house.twilio(await lone_house.open(ring_ms=20_000))
    await lone_house.bus.js.delete_stream(CALLS.name)
    ringing = asyncio.create_task(twilio.ring())
    with pytest.raises(asyncio.TimeoutError):  # it is not declined meanwhile
        await asyncio.wait_for(asyncio.shield(ringing), 0.5)
    await create_streams(lone_house.bus)
    assert (await ringing).verbs[0] == "Connect"


async def test_a_ring_asked_to_wait_is_one_call_once_the_log_is_back(
    lone_house: House, server: NatsServer
) -> None:
    twilio = await lone_house.twilio(await lone_house.open(ring_ms=500))
    await server.stop()
    first = await twilio.ring()
    await server.start()
    document = first
    while "Connect" not in document.verbs:
        document = await twilio.ring("?attempt=2", first.call_sid)
    media = await twilio.connect(document)
    events = await lone_house.until(document.call, LineAnswered)
    assert len(only(LineRang, events)) == 1
    await media.hang_up()


async def test_a_caller_hears_a_phrase_while_the_log_is_away_and_nothing_is_lost(
    lone_house: House, server: NatsServer
) -> None:
    twilio = await lone_house.twilio(await lone_house.open(away_ms=100))
    media, document = await lone_house.answered(twilio)
    await server.stop()
    for key in "123":
        await media.press(key)
    await media.until(lambda: media.buffered_ms >= len(one_moment()) // 8)
    await media.play()
    assert bytes(media.played).startswith(one_moment())
    await server.start()
    await media.press("4")
    await media.hang_up()
    events = await lone_house.until(document.call, LineEnded)
    assert [event.digit for event in only(DigitPressed, events)] == ["1", "2", "3", "4"]


async def test_a_call_is_ended_when_the_log_stays_away(
    lone_house: House, server: NatsServer
) -> None:
    twilio = await lone_house.twilio(await lone_house.open(given_up_ms=1_500))
    media, document = await lone_house.answered(twilio)
    await server.stop()
    await media.press("1")
    assert await media.closed() == 1000
    await server.start()
    events = await lone_house.until(document.call, LineEnded)
    assert [type(event) for event in events[2:]] == [DigitPressed, LineEnded]
    assert only(LineEnded, events)[0].reason == "bus_lost"
