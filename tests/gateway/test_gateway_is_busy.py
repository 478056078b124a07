"""Everything is late: further rings are refused in words, and calls that run notice nothing."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from eventually import eventually_async
from gateway_house import House, only
from nats_fates import PASS, Fate
from nats_proxy import Proxy, proxy
from twilio_double import TwilioDouble

from contracts.ids import HostId
from contracts.line import DigitPressed
from contracts.streams import load_subject
from infra.nats import connect
from services.gateway.app import Serving

BUSY_MS = 100
LATE = Fate(late_s=0.2)
PHRASE = "Dear {name}, we have no hand free."


@pytest.fixture
async def between(nats_url: str) -> AsyncIterator[Proxy]:
    async with proxy(nats_url) as between:
        yield between


@pytest.fixture
async def behind(house: House, between: Proxy) -> AsyncIterator[House]:
    """The house with a gateway whose acknowledgements the test can delay."""
    bus = await connect(between.url, name="tests")
    async with AsyncExitStack() as leaving:
        yield house.behind(bus, leaving)
    await bus.close()


async def health(twilio: TwilioDouble, gateway: Serving) -> dict[str, Any]:
    async with twilio.http.get(gateway.url + "/healthz") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def until_busy(twilio: TwilioDouble, gateway: Serving, busy: bool = True) -> None:
    async def is_so() -> bool:
        return (await health(twilio, gateway))["busy"] is busy

    await eventually_async(is_so)


async def test_rings_are_refused_while_the_log_is_slow_and_taken_again_when_it_is_not(
    behind: House, between: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    await behind.publish(phrases={"busy": PHRASE})
    gateway = await behind.open(busy_ms=BUSY_MS)
    twilio = await behind.twilio(gateway)
    media, running = await behind.answered(twilio)
    between.answers = lambda _: LATE
    taken = await asyncio.gather(*(twilio.ring() for _ in range(5)))
    assert [document.verbs[0] for document in taken] == ["Connect"] * 5
    await until_busy(twilio, gateway)

    caplog.set_level(logging.WARNING)
    refused = await twilio.ring("?var_name=Ada", From="+15551234567")
    assert refused.verbs == ["Say", "Hangup"]
    assert refused.find("Say").text == "Dear Ada, we have no hand free."
    assert "5551234567" not in caplog.text
    assert re.search(r"the log is \d+ ms late", caplog.text)
    again = await twilio.ring(call_sid=taken[0].call_sid)
    assert again.call == taken[0].call
    assert (await twilio.after(running)).verbs[0] == "Connect"
    assert (await health(twilio, gateway))["refused"] == 1

    between.answers = lambda _: PASS
    for _ in range(200):
        await media.press("5")
    await until_busy(twilio, gateway, busy=False)
    assert (await twilio.ring()).verbs[0] == "Connect"
    assert len(only(DigitPressed, await behind.events(running.call))) == 200
    await media.hang_up()


def hold_up(loop: asyncio.AbstractEventLoop, for_s: float) -> Callable[[], None]:
    """Have the loop do nothing else for most of the time. Returns what ends it."""

    def again() -> None:
        nonlocal timer
        time.sleep(for_s)
        timer = loop.call_later(0.01, again)

    timer = loop.call_later(0.0, again)
    return lambda: timer.cancel()


async def test_rings_are_refused_while_the_gateways_own_loop_is_late(house: House) -> None:
    gateway = await house.open(busy_ms=BUSY_MS)
    twilio = await house.twilio(gateway)
    end = hold_up(asyncio.get_running_loop(), 0.2)
    try:
        await until_busy(twilio, gateway)
    finally:
        end()
    assert (await twilio.ring()).verbs == ["Say", "Hangup"]


async def tell(house: House, host: str, late_ms: int) -> None:
    await house.bus.nc.publish(load_subject("dialog", HostId(host)), b"%d" % late_ms)


async def test_rings_are_refused_while_the_best_host_of_a_role_is_late(house: House) -> None:
    await house.publish(phrases={"busy": ""})
    gateway = await house.open(busy_ms=60_000)
    twilio = await house.twilio(gateway)
    await twilio.ring()
    await tell(house, "a", 90_000)
    await until_busy(twilio, gateway)
    refused = await twilio.ring()
    assert refused.verbs == ["Reject"]
    assert refused.find("Reject").attrib == {"reason": "busy"}
    assert (await twilio.ring(Direction="outbound-api")).verbs == ["Hangup"]


async def test_a_socket_that_never_rang_is_told_to_come_later(house: House) -> None:
    gateway = await house.open(busy_ms=60_000, media_auth=False)
    twilio = await house.twilio(gateway)
    await tell(house, "a", 90_000)
    await until_busy(twilio, gateway)
    media = await twilio.open()
    await media.start({})
    assert await media.closed() == 1013


async def test_rings_beyond_the_calls_in_the_making_wait_until_a_line_is_up(house: House) -> None:
    twilio = await house.twilio(await house.open(rings_at_once=2))
    first, _ = await twilio.ring(), await twilio.ring()
    third = asyncio.create_task(twilio.ring())
    assert (await twilio.ring(call_sid=first.call_sid)).call == first.call
    assert not third.done()
    media = await twilio.connect(first)
    assert (await third).verbs[0] == "Connect"
    await media.hang_up()


async def test_a_ring_that_waits_too_long_for_its_turn_is_asked_to_wait_and_gets_it_later(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open(rings_at_once=1, ring_ms=1_000))
    first, again = await twilio.ring(), await twilio.ring()
    assert again.verbs == ["Say", "Pause", "Redirect"]
    media = await twilio.connect(first)

    async def its_turn() -> bool:
        return (await twilio.ring("?attempt=2", again.call_sid)).verbs[0] == "Connect"

    await eventually_async(its_turn)
    await media.hang_up()
