"""In which order a call asks the providers of its agent."""

from infra.chain import STAY_S, Breakers, Failed, order
from infra.outside import OutsideFailed

NAMES = ("deepgram", "groq", "pocketsphinx")
REJECTED = OutsideFailed("groq", "unauthorized", retryable=False)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_all_that_is_well_is_asked_in_the_agents_order() -> None:
    clock = Clock()
    assert order(NAMES, Breakers(clock), Failed(clock)) == [0, 1, 2]


def test_one_that_rests_for_all_calls_is_asked_last_and_never_left_out() -> None:
    clock = Clock()
    breakers = Breakers(clock)
    breakers.failed("groq", REJECTED)
    assert order(NAMES, breakers, Failed(clock)) == [0, 2, 1]


def test_when_all_rest_the_agents_order_holds_again() -> None:
    clock = Clock()
    breakers = Breakers(clock)
    for name in reversed(NAMES):
        breakers.failed(name, REJECTED)
    assert order(NAMES, breakers, Failed(clock)) == [0, 1, 2]


def test_a_call_keeps_away_for_a_minute_from_what_failed_it() -> None:
    clock = Clock()
    lately = Failed(clock)
    lately.add(0)
    assert order(NAMES, Breakers(clock), lately) == [1, 2, 0]
    clock.now_s = STAY_S
    assert order(NAMES, Breakers(clock), lately) == [0, 1, 2]


def test_a_provider_that_is_named_twice_shares_one_breaker() -> None:
    clock = Clock()
    breakers = Breakers(clock)
    breakers.failed("groq", REJECTED)
    assert order(("groq", "groq", "rules"), breakers, Failed(clock)) == [2, 0, 1]
