"""A caller who waits for an answer that the log holds up."""

import asyncio

from eventually import eventually_async

from services.gateway.waiting import Means, Waiting


class House:
    """A log that is away for so many questions, and what the caller is told meanwhile."""

    def __init__(self, silent: int, *, audible: bool = False) -> None:
        self.silent, self.audible = silent, audible
        self.asked = self.phrases = self.looked = 0
        self.answered, self.looked_twice = asyncio.Event(), asyncio.Event()
        self.waiting = Waiting(Means(self.answers, self.look, self.hold), after_s=0.0, wake_s=0.0)

    def look(self) -> bool:
        self.looked += 1
        if self.looked > 1:
            self.looked_twice.set()
        return self.audible

    async def answers(self) -> bool:
        self.asked += 1
        if self.asked > self.silent:
            self.answered.set()
        return self.asked > self.silent

    def hold(self) -> float:
        self.phrases += 1
        return 0.0


async def test_a_caller_is_told_to_wait_until_the_log_is_back() -> None:
    house = House(silent=2)
    house.waiting.begin()
    await asyncio.wait_for(house.answered.wait(), 10)
    house.waiting.end()
    assert house.phrases == 2


async def test_a_slow_answer_is_waited_for_in_silence_while_the_log_answers() -> None:
    house = House(silent=0)
    house.waiting.begin()
    await asyncio.wait_for(house.answered.wait(), 10)
    house.waiting.end()
    assert house.phrases == 0


async def test_a_caller_who_hears_the_agent_is_told_nothing() -> None:
    house = House(silent=9, audible=True)
    house.waiting.begin()
    await asyncio.wait_for(house.looked_twice.wait(), 10)
    house.waiting.end()
    assert (house.asked, house.phrases) == (0, 0)


async def test_a_caller_is_told_when_the_agent_falls_silent_in_the_middle() -> None:
    house = House(silent=1, audible=True)
    house.waiting.begin()
    await asyncio.wait_for(house.looked_twice.wait(), 10)
    house.audible = False
    await asyncio.wait_for(house.answered.wait(), 10)
    house.waiting.end()
    assert house.phrases == 1


async def test_a_caller_who_is_told_already_is_not_told_twice_at_a_time() -> None:
    house = House(silent=1)
    house.waiting.held_up()
    watching = house.waiting.watching
    house.waiting.held_up()
    assert house.waiting.watching is watching
    await asyncio.wait_for(house.answered.wait(), 10)
    house.waiting.end()
    assert house.phrases == 1


async def test_a_wait_that_is_over_tells_nothing_more() -> None:
    house = House(silent=9)
    house.waiting.begin()
    watching = house.waiting.watching
    house.waiting.end()
    assert watching is not None
    await asyncio.wait({watching}, timeout=10)
    assert watching.cancelled()
    assert house.phrases == 0


async def test_what_a_hold_up_left_behind_is_told_too() -> None:
    house = House(silent=1)
    house.waiting = Waiting(Means(house.answers, house.look, house.hold), after_s=0.0, wake_s=60.0)
    house.waiting.begin()
    await asyncio.wait_for(house.answered.wait(), 10)
    house.waiting.begin()

    async def told_again() -> bool:
        return house.phrases >= 2

    await eventually_async(told_again)
    house.waiting.end()
