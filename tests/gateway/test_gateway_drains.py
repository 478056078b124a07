"""A gateway that is asked to stop: its calls go on elsewhere, or to their end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from eventually import eventually_async
from gateway_house import House, facts, only, sound
from twilio_double import LOUD, QUIET

from contracts.dialog import ReplyFinished
from contracts.line import (
    DigitPressed,
    LineAnswered,
    LineEnded,
    LineLost,
    LineResumed,
    PlaybackFinished,
)
from services.gateway.app import Serving

SHARED: dict[str, Any] = {"token_secret": b"shared"}


class Stopping:
    """A gateway that can be asked to stop, as SIGTERM does."""

    def __init__(self, serving: Serving) -> None:
        self.serving, self.asked, self.stopped = serving, asyncio.Event(), asyncio.Event()


@asynccontextmanager
async def _stoppable(house: House, **settings: Any) -> AsyncIterator[Stopping]:
    started: asyncio.Future[Stopping] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with house.another(**SHARED, **settings) as serving:
            started.set_result(Stopping(serving))
            await started.result().asked.wait()
        started.result().stopped.set()

    serving = asyncio.create_task(serve())
    try:
        yield await started
    finally:
        started.result().asked.set()
        async with asyncio.timeout(20):
            await serving


async def test_a_quiet_line_is_handed_over_and_goes_on_at_another_gateway(house: House) -> None:
    there = await house.twilio(await house.open(**SHARED))
    async with _stoppable(house) as gateway:
        media, document = await house.answered(await house.twilio(gateway.serving))
        await _greeted(house, media, document.call)
        gateway.asked.set()
        assert await media.closed() == 1000
        (lost,) = only(LineLost, await house.events(document.call))  # it was there before the close
        assert facts(lost) | {"planned": True} == facts(lost)
        await gateway.stopped.wait()
    back = await there.connect(await there.after(document))
    await house.until(document.call, LineResumed)
    await back.press("1")
    events = await house.until(document.call, DigitPressed)
    assert not only(LineEnded, events)
    assert len(only(LineLost, events)) == 1


async def test_a_gateway_about_to_stop_takes_no_rings_and_no_sockets_but_tells_where_to_go(
    house: House,
) -> None:
    async with _stoppable(house) as gateway:
        twilio = await house.twilio(gateway.serving)
        media, document = await house.answered(twilio)
        waiting = await twilio.ring()
        house.speak(document.call, sound(400, 1), last=False)
        await media.until(lambda: media.buffered_ms == 400)
        gateway.asked.set()
        await eventually_async(lambda: _is_unwell(twilio.http, gateway.serving))
        assert (await twilio.ring()).status == 503
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await twilio.connect(waiting)
        assert refused.value.status == 503
        assert "Connect" in (await twilio.after(waiting)).verbs
        await media.hang_up()


async def test_a_socket_that_was_let_in_just_before_becomes_no_line_and_goes_elsewhere(
    house: House,
) -> None:
    there = await house.twilio(await house.open(**SHARED))
    async with _stoppable(house) as gateway:
        twilio = await house.twilio(gateway.serving)
        kept, _ = await house.answered(twilio)  # speaks on: the gateway stays for a while
        sending = asyncio.create_task(_keep_sending(kept))
        document = await twilio.ring()
        media = await twilio.open(document.call_sid)
        gateway.asked.set()
        await eventually_async(lambda: _is_unwell(twilio.http, gateway.serving))
        await media.start(document.parameters)
        assert await media.closed() == 1013
        back = await there.connect(await there.after(document))
        await house.until(document.call, LineAnswered)
        await back.hang_up()
        sending.cancel()
        await kept.hang_up()


async def test_a_line_is_not_handed_over_while_somebody_speaks(house: House) -> None:
    async with _stoppable(house) as gateway:
        media, document = await house.answered(await house.twilio(gateway.serving))
        await _greeted(house, media, document.call)
        await house.decide(document.call, ReplyFinished(at_ms=1, reply=2, sentences=1))
        house.speak(document.call, sound(400, 1), reply=2)
        await media.until(lambda: media.buffered_ms == 400)
        gateway.asked.set()
        await media.press("1")
        events = await house.until(document.call, DigitPressed)
        assert not only(LineLost, events)
        await media.say(*[QUIET] * 5)
        await media.play()
        assert await media.closed() == 1000
        events = await house.until(document.call, LineLost)
        assert only(PlaybackFinished, events)[-1].reply == 2


async def test_at_the_limit_a_line_is_handed_over_even_in_speech(house: House) -> None:
    async with _stoppable(house, drain_s=1) as gateway:
        media, document = await house.answered(await house.twilio(gateway.serving))
        await _greeted(house, media, document.call)
        await media.say(*[LOUD] * 10)
        gateway.asked.set()
        sending = asyncio.create_task(_keep_sending(media))
        assert await media.closed() == 1000
        sending.cancel()
        (lost,) = only(LineLost, await house.until(document.call, LineLost))
        assert lost.planned


async def test_a_gateway_may_let_its_calls_come_to_their_end(house: House) -> None:
    async with _stoppable(house, drain="finish") as gateway:
        media, document = await house.answered(await house.twilio(gateway.serving))
        await _greeted(house, media, document.call)
        gateway.asked.set()
        await media.press("1")
        await house.until(document.call, DigitPressed)
        await media.hang_up()
        await gateway.stopped.wait()
    events = await house.events(document.call)
    assert not only(LineLost, events)
    assert only(LineEnded, events)[0].reason == "caller_hung_up"


async def test_calls_that_do_not_come_to_their_end_in_time_are_handed_over(house: House) -> None:
    async with _stoppable(house, drain="finish", drain_s=1) as gateway:
        media, document = await house.answered(await house.twilio(gateway.serving))
        gateway.asked.set()
        sending = asyncio.create_task(_keep_sending(media))
        assert await media.closed() == 1000
        sending.cancel()
    (lost,) = only(LineLost, await house.events(document.call))
    assert lost.planned


async def _greeted(house: House, media: Any, call: str) -> None:
    """The line's first moments are over: an agent always speaks first."""
    await house.decide(call, ReplyFinished(at_ms=1, reply=1, sentences=1))
    house.speak(call, sound(100, 1))
    await media.until(lambda: "r1.s1.100.end" in media.marks_asked)
    await media.play()
    await house.until(call, PlaybackFinished)


async def _keep_sending(media: Any) -> None:
    while True:
        await media.say(LOUD)
        await asyncio.sleep(0.02)


async def _is_unwell(http: aiohttp.ClientSession, gateway: Serving) -> bool:
    async with http.get(gateway.url + "/healthz") as answer:
        return answer.status == 503
