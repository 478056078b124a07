"""A host that was held up is told from one whose clock differs."""

from services.stt.lateness import Lateness


def late(lateness: Lateness, seconds: float, *, ahead_ms: float, held_up_ms: float = 0) -> int:
    """How many of so many seconds of frames are late by a clock that is ahead."""
    return sum(
        lateness.is_late(sent_ms, sent_ms + ahead_ms + held_up_ms)
        for sent_ms in range(0, round(seconds * 1000), 40)
    )


def test_with_equal_clocks_a_frame_of_over_400_ms_ago_is_late_from_the_first_on() -> None:
    assert late(Lateness(), 2, ahead_ms=5, held_up_ms=1_500) == 50
    assert late(Lateness(), 2, ahead_ms=5, held_up_ms=300) == 0


def test_a_clock_that_is_ahead_is_known_after_ten_seconds() -> None:
    lateness = Lateness()
    late(lateness, 10, ahead_ms=60_000)
    assert late(lateness, 30, ahead_ms=60_000) == 0


def test_a_clock_that_is_behind_hides_nothing() -> None:
    lateness = Lateness()
    assert late(lateness, 10, ahead_ms=-60_000) == 0
    assert late(lateness, 8, ahead_ms=-60_000, held_up_ms=2_000) == 200


def test_a_host_held_up_for_long_stays_late_until_it_has_caught_up() -> None:
    lateness = Lateness()
    late(lateness, 15, ahead_ms=60_000)
    burst = [lateness.is_late(sent_ms, 70_000) for sent_ms in range(0, 10_000, 40)]
    assert burst == [True] * 240 + [False] * 10


def test_a_clock_that_was_set_forward_is_a_difference_like_another() -> None:
    lateness = Lateness()
    late(lateness, 15, ahead_ms=0)
    late(lateness, 20, ahead_ms=3_600_000)
    assert late(lateness, 20, ahead_ms=3_600_000) == 0
