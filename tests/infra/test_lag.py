"""How late a process counts as being, and which host of a role counts."""

import asyncio
import time

from eventually import eventually

from contracts.ids import HostId
from infra.beside import beside
from infra.lag import WINDOW_S, Acks, Lag, watch_loop
from infra.load import Late, Loads, telling_load
from infra.nats import connect


def lag(*late_ms: float) -> Lag:
    found = Lag()
    for place, each in enumerate(late_ms):
        found.note(each, place * 0.01)
    return found


def stall() -> None:
    time.sleep(0.06)


def test_a_few_stalls_are_an_accident_however_long() -> None:
    assert lag(*[1.0] * 50, *[4_000.0] * 4).ms(1.0) == 1.0


def test_five_stalls_in_as_many_seconds_are_a_load() -> None:
    assert lag(*[1.0] * 50, *[300.0] * 5).ms(1.0) == 300.0


def test_of_many_times_one_in_twenty_may_be_late() -> None:
    assert lag(*[1.0] * 190, *[300.0] * 9).ms(2.0) == 1.0
    assert lag(*[1.0] * 190, *[300.0] * 10).ms(2.0) == 300.0


def test_what_was_late_long_ago_is_forgotten() -> None:
    late = lag(*[300.0] * 5)
    assert late.ms(WINDOW_S) == 300.0
    assert late.ms(WINDOW_S + 0.05) == 0.0


def test_a_log_that_was_away_and_acknowledges_all_at_once_is_an_accident() -> None:
    acks = Acks()
    for place in range(200):
        acks.note(4_000.0, 1.0 + place * 0.001)
    assert acks.ms(1.2) == 0.0


def test_a_log_that_takes_over_a_second_each_time_is_a_load() -> None:
    acks = Acks()
    for place in range(50):
        acks.note(1_200.0, 1.0 + place * 0.1)
    assert acks.ms(6.0) == 1_200.0


async def test_a_loop_that_is_held_up_is_late() -> None:
    late = Lag()
    async with beside(watch_loop(late)):
        for _ in range(6):
            await asyncio.sleep(0.051)
            stall()
        await asyncio.sleep(0.051)
    assert late.ms(time.monotonic()) > 5


def test_the_role_counts_whose_best_host_is_latest() -> None:
    loads = Loads()
    loads.told("stt", "a", 900, 1.0)
    loads.told("stt", "b", 10, 1.0)
    loads.told("dialog", "c", 40, 1.0)
    assert loads.worst(1.0) == Late("dialog", 40)


def test_a_host_that_falls_silent_counts_no_more() -> None:
    loads = Loads()
    loads.told("stt", "a", 900, 1.0)
    loads.told("stt", "b", 10, 5.0)
    assert loads.worst(5.0) == Late("stt", 10)
    assert loads.worst(9.0) == Late("", 0.0)


async def test_a_process_says_how_late_it_is_to_whoever_hears(nats_url: str) -> None:
    bus = await connect(nats_url, name="tests")
    loads = Loads()
    try:
        async with loads.hear(bus), telling_load(bus, ("dialog",), HostId("host-1")):
            await asyncio.to_thread(eventually, lambda: loads.worst(time.monotonic()).who != "")
            assert loads.worst(time.monotonic()).who == "dialog"
    finally:
        await bus.close()
