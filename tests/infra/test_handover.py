"""Sound is handed over in memory where its publisher and its listener share a connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import nats.errors
import pytest
from eventually import eventually_async
from nats_proxy import proxy

from infra.again import ask_again, tell_again
from infra.handover import Sound
from infra.nats import Bus, connect

SUBJECT = "audio.t.handed.caller"


def together(payloads: Sequence[bytes]) -> bytes:
    return b" ".join(payloads)


def is_so(holds: Callable[[], bool]) -> Awaitable[None]:
    async def condition() -> bool:
        return holds()

    return eventually_async(condition, 10)


@asynccontextmanager
async def connected(url: str, *names: str) -> AsyncIterator[list[Bus]]:
    buses = [await connect(url, name=name) for name in names]
    try:
        yield buses
    finally:
        for bus in buses:
            await bus.close()


async def listener(bus: Bus, subject: str = SUBJECT) -> list[bytes]:
    """What is heard by a bus, as it came."""
    heard: list[bytes] = []
    await bus.sub(subject, heard.append)
    await bus.nc.flush()
    return heard


def say(sound: Sound, *numbers: int) -> None:
    for number in numbers:
        sound.publish(b"%d" % number)


def numbers(heard: list[bytes]) -> list[int]:
    return [int(number) for payload in heard for number in payload.split()]


async def test_who_listens_here_hears_each_piece_at_once_while_the_server_stands_still(
    nats_url: str,
) -> None:
    async with proxy(nats_url) as road, connected(road.url, "house") as (bus,):
        heard = await listener(bus)
        with road.held():
            say(bus.sound(SUBJECT, together), 1, 2, 3, 4, 5, 6)
            await is_so(lambda: len(heard) == 6)
        assert heard == [b"1", b"2", b"3", b"4", b"5", b"6"]


async def test_what_the_server_gives_back_of_it_is_not_heard_again(nats_url: str) -> None:
    async with connected(nats_url, "house", "elsewhere") as (bus, elsewhere):
        heard, heard_elsewhere = await listener(bus), await listener(elsewhere)
        sound, other = bus.sound(SUBJECT, together), elsewhere.sound("audio.t.end.agent")
        say(sound, *range(1, 13))
        await is_so(lambda: numbers(heard_elsewhere) == list(range(1, 13)))
        ended = await listener(bus, "audio.t.end.agent")
        say(other, 0)
        await is_so(lambda: ended == [b"0"])  # behind it, from the server
        assert numbers(heard) == list(range(1, 13))


async def test_what_others_hear_of_it_comes_in_larger_pieces_the_last_one_too(
    nats_url: str,
) -> None:
    async with connected(nats_url, "house", "elsewhere") as (bus, elsewhere):
        await listener(bus)
        heard = await listener(elsewhere)
        say(bus.sound(SUBJECT, together), *range(1, 13))
        await is_so(lambda: heard == [b"1 2 3 4 5", b"6 7 8 9 10", b"11 12"])


async def test_where_nobody_listens_here_who_listens_elsewhere_hears_each_piece(
    nats_url: str,
) -> None:
    async with connected(nats_url, "house", "elsewhere") as (bus, elsewhere):
        heard = await listener(elsewhere)
        say(bus.sound(SUBJECT, together), 1, 2, 3)
        await is_so(lambda: heard == [b"1", b"2", b"3"])


async def test_who_publishes_elsewhere_is_heard_by_who_also_listens_here(nats_url: str) -> None:
    async with connected(nats_url, "house", "elsewhere") as (bus, elsewhere):
        heard = await listener(bus)
        say(bus.sound(SUBJECT, together), 1, 2)
        await is_so(lambda: heard == [b"1", b"2"])
        say(elsewhere.sound(SUBJECT, together), 3, 4)
        await is_so(lambda: heard == [b"1", b"2", b"3", b"4"])


async def test_a_listener_that_fails_harms_neither_the_publisher_nor_another_listener(
    nats_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(payload: bytes) -> None:
        raise ValueError("what the caller said")

    async with connected(nats_url, "house") as (bus,):
        await bus.sub(SUBJECT, fail)
        heard = await listener(bus)
        say(bus.sound(SUBJECT, together), 1, 2)
        assert heard == []  # not in the publisher's own turn
        await is_so(lambda: heard == [b"1", b"2"])
    assert "sound was not heard: ValueError" in caplog.text
    assert "what the caller said" not in caplog.text


async def test_a_listener_that_leaves_hears_no_more_and_others_hear_what_was_gathered(
    nats_url: str,
) -> None:
    async with connected(nats_url, "house", "elsewhere") as (bus, elsewhere):
        heard, heard_elsewhere = [], await listener(elsewhere)
        listening = await bus.sub(SUBJECT, heard.append)
        sound = bus.sound(SUBJECT, together)
        say(sound, 1, 2)
        await is_so(lambda: heard == [b"1", b"2"])
        say(sound, 3)
        await listening.unsubscribe()
        say(sound, 4, 5)
        await is_so(lambda: heard_elsewhere == [b"1 2 3", b"4", b"5"])
        assert heard == [b"1", b"2"]


async def test_what_is_gathered_is_not_lost_by_closing(nats_url: str) -> None:
    async with connected(nats_url, "elsewhere") as (elsewhere,):
        heard = await listener(elsewhere)
        async with connected(nats_url, "house") as (bus,):
            await listener(bus)
            say(bus.sound(SUBJECT, together), 1, 2)
        await is_so(lambda: heard == [b"1 2"])


async def test_who_asks_again_gets_what_is_gathered_too(nats_url: str) -> None:
    async with connected(nats_url, "house", "elsewhere") as (bus, elsewhere):
        await listener(bus)
        await tell_again(bus)
        say(bus.sound(SUBJECT, together), *range(1, 8))
        again = [payload async for payload in ask_again(elsewhere, SUBJECT, wait_s=5)]
        assert numbers(again) == list(range(1, 8))


class Talking:
    """Somebody who says a number each time it is asked whether the listener is far behind."""

    def __init__(self, sound: Sound, heard: list[bytes]) -> None:
        self.sound, self.heard, self.last = sound, heard, 0

    def in_vain(self) -> bool:
        """What is said is heard no more."""
        self.last += 1
        say(self.sound, self.last)
        return self.last > len(self.heard) + 10

    @property
    def said(self) -> list[int]:
        return list(range(1, self.last + 1))


async def test_while_the_server_stalls_for_long_the_callers_sound_waits_as_the_log_does(
    nats_url: str,
) -> None:
    async with proxy(nats_url) as road, connected(road.url, "house") as (bus,):
        heard = await listener(bus)
        talking = Talking(bus.sound(SUBJECT, together), heard)
        with road.held():
            await is_so(talking.in_vain)
        for _ in range(300):  # so quickly that there is always something with the server
            talking.in_vain()
            await asyncio.sleep(0.001)
        await is_so(lambda: len(heard) == talking.last)
    assert numbers(heard) == talking.said


async def test_a_server_that_was_away_gets_all_that_was_said_meanwhile(nats_url: str) -> None:
    """And gives back what was not handed over: some of it twice, for who listens to know."""
    async with connected(nats_url, "elsewhere") as (elsewhere,):
        heard_elsewhere = await listener(elsewhere)
        async with proxy(nats_url) as road, connected(road.url, "house") as (bus,):
            heard = await listener(bus)
            talking = Talking(bus.sound(SUBJECT, together), heard)
            async with road.away():
                await is_so(talking.in_vain)
            await is_so(lambda: set(numbers(heard)) == set(talking.said))
            await is_so(lambda: set(numbers(heard_elsewhere)) == set(talking.said))
    news = [n for place, n in enumerate(numbers(heard)) if n not in numbers(heard)[:place]]
    assert news == talking.said


async def test_an_agents_sound_is_handed_over_whatever_the_server_does(nats_url: str) -> None:
    async with proxy(nats_url) as road, connected(road.url, "house") as (bus,):
        heard, sound = await listener(bus), bus.sound(SUBJECT)
        async with road.away():
            await is_so(lambda: not bus.connected)
            for number in range(1, 101):
                say(sound, number)
            await is_so(lambda: numbers(heard) == list(range(1, 101)))


async def test_who_could_not_be_subscribed_is_not_handed_anything_either(nats_url: str) -> None:
    async with connected(nats_url, "house") as (bus,):
        heard: list[bytes] = []
        await bus.close()
        with pytest.raises(nats.errors.ConnectionClosedError):
            await bus.sub(SUBJECT, heard.append)
        say(bus.sound(SUBJECT), 1, 2)
        await asyncio.sleep(0)  # what would be handed over is by now
        assert heard == []
