"""When a provider is asked, left alone, and tried again."""

import pytest

from infra.breaker import (
    FAILURES,
    HOPELESS_REST_S,
    LONGEST_REST_S,
    LONGEST_WAIT_S,
    REST_S,
    TRIAL_S,
    WINDOW_S,
    Breaker,
    Closed,
    admits,
    answered,
    asked,
    failed,
    let_go,
)


def sick(breaker: Breaker, now_s: float, kind: str = "timeout") -> Breaker:
    return failed(breaker, kind, now_s, None)


def opened(at_s: float = 0.0) -> Breaker:
    """Failed as often as it takes, at that time."""
    breaker: Breaker = Closed()
    for _ in range(FAILURES):
        breaker = sick(breaker, at_s)
    return breaker


def test_a_provider_that_never_failed_is_asked() -> None:
    assert admits(Closed(), 0.0)


def test_a_single_failure_changes_nothing_for_other_calls() -> None:
    assert admits(sick(Closed(), 0.0), 0.0)


def test_a_provider_that_fails_often_is_left_alone_for_a_while() -> None:
    assert not admits(opened(), REST_S - 0.1)
    assert admits(opened(), REST_S)


def test_failures_far_apart_do_not_add_up() -> None:
    breaker: Breaker = Closed()
    for nth in range(10):
        breaker = sick(breaker, nth * WINDOW_S)
    assert admits(breaker, 9 * WINDOW_S)


def test_an_answer_makes_up_for_the_failures_before_it() -> None:
    breaker = answered(sick(sick(Closed(), 0.0), 0.0))
    assert breaker == Closed()


def test_one_call_alone_tries_a_provider_that_was_left_alone() -> None:
    trying = asked(opened(), REST_S)
    assert not admits(trying, REST_S)
    assert admits(answered(trying), REST_S)


def test_a_try_that_fails_makes_the_rest_twice_as_long_up_to_a_limit() -> None:
    breaker, now_s = opened(), 0.0
    for rest_s in (REST_S, 2 * REST_S, 4 * REST_S):
        assert not admits(breaker, now_s + rest_s - 0.1)
        now_s += rest_s
        assert admits(breaker, now_s)
        breaker = sick(asked(breaker, now_s), now_s)
    for _ in range(10):
        now_s += LONGEST_REST_S
        assert admits(breaker, now_s)
        breaker = sick(asked(breaker, now_s), now_s)


def test_a_call_that_ends_during_its_try_leaves_it_to_the_next() -> None:
    assert admits(let_go(asked(opened(), REST_S), REST_S), REST_S)


def test_a_try_of_which_nothing_was_ever_heard_is_forgotten() -> None:
    trying = asked(opened(), REST_S)
    assert admits(trying, REST_S + TRIAL_S)


@pytest.mark.parametrize("kind", ["unauthorized", "quota"])
def test_what_will_not_pass_by_itself_is_left_alone_at_once_and_for_long(kind: str) -> None:
    breaker = sick(Closed(), 0.0, kind)
    assert not admits(breaker, HOPELESS_REST_S - 0.1)
    assert admits(breaker, HOPELESS_REST_S)


def test_a_provider_that_says_when_to_come_again_is_left_alone_until_then() -> None:
    breaker = failed(Closed(), "rate_limited", 0.0, 42.0)
    assert not admits(breaker, 41.9)
    assert admits(breaker, 42.0)


def test_nobody_is_left_alone_for_days_because_a_header_says_so() -> None:
    assert admits(failed(Closed(), "rate_limited", 0.0, 1e9), LONGEST_WAIT_S)


@pytest.mark.parametrize("kind", ["refused", "tool_use_failed", "unsupported"])
def test_a_request_that_was_wrong_says_nothing_about_the_next(kind: str) -> None:
    breaker: Breaker = Closed()
    for _ in range(10):
        breaker = sick(breaker, 0.0, kind)
    assert breaker == Closed()


def test_one_that_was_asked_for_want_of_others_rests_no_longer_for_it() -> None:
    assert sick(opened(), 1.0) == opened()
